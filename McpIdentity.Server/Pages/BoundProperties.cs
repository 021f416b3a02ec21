using System.Reflection;
using Microsoft.AspNetCore.Mvc.ApplicationModels;
using Microsoft.AspNetCore.Mvc.ModelBinding;
using Microsoft.AspNetCore.Mvc.RazorPages;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace McpIdentity.Server.Pages;

/// <summary>
/// Of the properties of a page's model MVC looks only at those that a request may set. Of each it would describe the type with all that
/// it is made of, and every model has those of <see cref="PageModel"/>: the first request for a page would wait for it.
/// </summary>
internal sealed class BoundProperties(IPageApplicationModelPartsProvider all) : IPageApplicationModelPartsProvider
{
    /// <summary>In the place of MVC's own, which goes on to do the rest.</summary>
    public static void Register(IServiceCollection services)
    {
        var all = services.Single(service => service.ServiceType == typeof(IPageApplicationModelPartsProvider)).ImplementationType!;
        services.Replace(ServiceDescriptor.Singleton<IPageApplicationModelPartsProvider>(
            provider => new BoundProperties((IPageApplicationModelPartsProvider)ActivatorUtilities.CreateInstance(provider, all))));
    }

    // A property that is none of the page's is null to whoever asks.
    public PagePropertyModel CreatePropertyModel(PropertyInfo property) => IsBound(property) ? all.CreatePropertyModel(property) : null!;

    public PageHandlerModel? CreateHandlerModel(MethodInfo method) => all.CreateHandlerModel(method);

    public PageParameterModel CreateParameterModel(ParameterInfo parameter) => all.CreateParameterModel(parameter);

    public bool IsHandler(MethodInfo methodInfo) => all.IsHandler(methodInfo);

    private static bool IsBound(PropertyInfo property) =>
        property.DeclaringType != typeof(PageModel) && property.GetCustomAttributes(inherit: true).Any(attribute => attribute is IModelNameProvider or IBindingSourceMetadata);
}
