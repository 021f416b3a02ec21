using OpenIddict.Abstractions;
using OpenIddict.Server;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace McpIdentity.Server.Authorization;

/// <summary>
/// RFC 6749 §4.1.2.1: once client and redirect URI are known to be good, an error goes to the client. OpenIddict shows
/// it to the person instead.
/// </summary>
internal sealed class RedirectErrors(IOpenIddictApplicationManager clients) : IOpenIddictServerHandler<ApplyAuthorizationResponseContext>
{
    public async ValueTask HandleAsync(ApplyAuthorizationResponseContext context)
    {
        if (string.IsNullOrEmpty(context.Error) || !string.IsNullOrEmpty(context.RedirectUri) ||
            context.Request is not { ClientId.Length: > 0, RedirectUri.Length: > 0 } request)
        {
            return;
        }

        var client = await clients.FindByClientIdAsync(request.ClientId, context.CancellationToken);
        if (client is not null && await clients.ValidateRedirectUriAsync(client, request.RedirectUri, context.CancellationToken))
        {
            context.RedirectUri = request.RedirectUri;
            // The request may have asked for a mode that we do not serve; the answer to that must still arrive.
            request.ResponseMode = null;
        }
    }
}
