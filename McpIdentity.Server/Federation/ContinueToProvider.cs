using McpIdentity.Server.Pages;
using Microsoft.AspNetCore;
using Microsoft.AspNetCore.WebUtilities;
using OpenIddict.Client;
using OpenIddict.Client.AspNetCore;
using static OpenIddict.Client.OpenIddictClientEvents;

namespace McpIdentity.Server.Federation;

/// <summary>
/// Sends the browser to the provider by a page of ours: a redirect that answers a form is subject to form-action in
/// Chromium, along the whole chain (docs/decisions/0003).
/// </summary>
internal sealed class ContinueToProvider(SignInProviders providers) : IOpenIddictClientHandler<ApplyAuthorizationRequestContext>
{
    public static OpenIddictClientHandlerDescriptor Descriptor { get; } =
        OpenIddictClientHandlerDescriptor.CreateBuilder<ApplyAuthorizationRequestContext>()
            .UseSingletonHandler<ContinueToProvider>()
            .SetOrder(OpenIddictClientAspNetCoreHandlers.Authentication.ProcessQueryRequest.Descriptor.Order - 500)
            .Build();

    public async ValueTask HandleAsync(ApplyAuthorizationRequestContext context)
    {
        var http = context.Transaction.GetHttpRequest()!.HttpContext;
        context.Request.State = await http.RequestServices.GetRequiredService<UpstreamStates>()
            .KeepAsync(context.Request.State!, http.Features.Get<SignInRequest>()!, context.CancellationToken);
        var url = QueryHelpers.AddQueryString(
            context.AuthorizationEndpoint,
            context.Request.GetParameters().Select(parameter => KeyValuePair.Create(parameter.Key, (string?)parameter.Value))
                .Where(parameter => !string.IsNullOrEmpty(parameter.Value)));
        await ContinuePage.ToProvider(url, providers.Find(context.Registration.RegistrationId)!.DisplayName).WriteAsync(http);
        context.HandleRequest();
    }
}
