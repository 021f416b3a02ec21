using Microsoft.AspNetCore.Mvc.Abstractions;
using Microsoft.AspNetCore.Mvc.RazorPages;
using Microsoft.AspNetCore.Mvc.RazorPages.Infrastructure;
using Microsoft.AspNetCore.Routing.Matching;

namespace McpIdentity.Server.Pages;

/// <summary>
/// A page is described with its handlers and properties when it is first asked for. MVC describes all of them at the start, which is a
/// twentieth of it; its other way, for pages that are compiled while the server runs, knows their addresses alone. Here the endpoint
/// that has what the page's model says of it takes the place of the one that was found by its address.
/// </summary>
internal sealed class LatePages(PageLoader loader) : MatcherPolicy, IEndpointSelectorPolicy
{
    // Before any policy that looks at what a model says.
    public override int Order => int.MinValue;

    /// <summary>In the place of MVC's own way.</summary>
    public static void Register(IServiceCollection services)
    {
        services.Remove(services.Single(service => service.ServiceType == typeof(IActionDescriptorProvider) && service.ImplementationType?.Name == "CompiledPageActionDescriptorProvider"));
        services.AddSingleton<IActionDescriptorProvider, PageActionDescriptorProvider>();
        services.AddSingleton<MatcherPolicy, LatePages>();
    }

    public bool AppliesToEndpoints(IReadOnlyList<Endpoint> endpoints) => endpoints.Any(endpoint => endpoint.Metadata.GetMetadata<PageActionDescriptor>() is not null);

    public async Task ApplyAsync(HttpContext httpContext, CandidateSet candidates)
    {
        for (var i = 0; i < candidates.Count; i++)
        {
            if (candidates.IsValidCandidate(i) && candidates[i].Endpoint.Metadata is var metadata && metadata.GetMetadata<PageActionDescriptor>() is { } page and not CompiledPageActionDescriptor)
            {
                candidates.ReplaceEndpoint(i, (await loader.LoadAsync(page, metadata)).Endpoint, candidates[i].Values);
            }
        }
    }
}
