using OpenIddict.Server;
using static OpenIddict.Abstractions.OpenIddictConstants;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace McpIdentity.Server.Authorization;

/// <summary>
/// RFC 6749 §3.1.2.3 lets a client with one registered URI leave it out; OpenIddict would then have nowhere to answer to.
/// The MCP revisions always send it, and the token request must repeat it.
/// </summary>
internal sealed class RequireRedirectUri : IOpenIddictServerHandler<ValidateAuthorizationRequestContext>
{
    public ValueTask HandleAsync(ValidateAuthorizationRequestContext context)
    {
        if (!string.IsNullOrEmpty(context.Request.ClientId) && string.IsNullOrEmpty(context.Request.RedirectUri))
        {
            context.Reject(Errors.InvalidRequest, "The mandatory 'redirect_uri' parameter is missing.");
        }

        return default;
    }
}
