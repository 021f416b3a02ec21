using OpenIddict.Abstractions;
using OpenIddict.Server;
using static OpenIddict.Abstractions.OpenIddictConstants;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace McpIdentity.Server.Tokens;

/// <summary>
/// OAuth 2.1 §10.2: clients leave <c>redirect_uri</c> out of the code's redemption, where PKCE, which every code has, does its
/// work. One that is sent is the one of the authorization request (RFC 6749 §4.1.3). OpenIddict demands it.
/// </summary>
internal sealed class CompareRedirectUri : IOpenIddictServerHandler<ValidateTokenRequestContext>
{
    public ValueTask HandleAsync(ValidateTokenRequestContext context)
    {
        if (context.AuthorizationCodePrincipal is { } code && context.Request.RedirectUri is { Length: > 0 } sent &&
            code.GetClaim(Claims.Private.RedirectUri) != sent)
        {
            context.Reject(Errors.InvalidGrant, "The redirect_uri is not the one that the code was sent to.");
        }

        return default;
    }
}
