using McpIdentity.Server.Protocol;
using Microsoft.AspNetCore;
using OpenIddict.Server;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace McpIdentity.Server.Authorization;

/// <summary>
/// Tells OpenIddict which address a request came to: the one that routing found, at the public address. No URL that it emits
/// follows the Host header, and no spelling of a path (<c>/oauth/%2574oken</c>, which its own reading decodes once more)
/// reaches one of its endpoints around what that endpoint needs: limits, https, checks of the form.
/// </summary>
internal sealed class UsePublicAddress(PublicAddress address) : IOpenIddictServerHandler<ProcessRequestContext>
{
    public ValueTask HandleAsync(ProcessRequestContext context)
    {
        var http = context.Transaction.GetHttpRequest()?.HttpContext;
        if (http?.GetEndpoint() is not RouteEndpoint endpoint || http.GetAddress() is not { OpenIddict: { } type })
        {
            context.SkipRequest();
            return default;
        }

        context.BaseUri = address.BaseUri;
        context.RequestUri = new Uri(address.UrlOf(endpoint.RoutePattern.RawText!));
        context.EndpointType = type;
        return default;
    }
}
