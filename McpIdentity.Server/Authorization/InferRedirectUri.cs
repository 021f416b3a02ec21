using OpenIddict.Abstractions;
using OpenIddict.Server;
using static OpenIddict.Abstractions.OpenIddictConstants;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace McpIdentity.Server.Authorization;

/// <summary>
/// RFC 6749 §3.1.2.3: a client that registered one redirect URI may leave it out. What follows then goes on as if it had been
/// sent: refusals reach the client, and our pages say where the answer goes.
/// </summary>
internal sealed class InferRedirectUri(IOpenIddictApplicationManager clients) : IOpenIddictServerHandler<ValidateAuthorizationRequestContext>
{
    public async ValueTask HandleAsync(ValidateAuthorizationRequestContext context)
    {
        if (string.IsNullOrEmpty(context.Request.ClientId) || !string.IsNullOrEmpty(context.Request.RedirectUri))
        {
            return;
        }

        var client = await clients.FindByClientIdAsync(context.Request.ClientId, context.CancellationToken);
        if (client is null)
        {
            return; // ValidateClientId says so
        }

        if (await clients.GetRedirectUrisAsync(client, context.CancellationToken) is [var one])
        {
            context.Request.RedirectUri = one;
            context.SetRedirectUri(one);
            return;
        }

        context.Reject(Errors.InvalidRequest, "The mandatory 'redirect_uri' parameter is missing: the client did not register exactly one.");
    }
}
