using OpenIddict.Abstractions;
using OpenIddict.Server;
using static OpenIddict.Abstractions.OpenIddictConstants;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace McpIdentity.Server.Tokens;

/// <summary>RFC 6749 §5.2: a refresh that asks for more than was granted is <c>invalid_scope</c>; OpenIddict would say that the token is bad, and the client would throw it away.</summary>
internal sealed class RefuseWiderScope : IOpenIddictServerHandler<ValidateTokenRequestContext>
{
    public ValueTask HandleAsync(ValidateTokenRequestContext context)
    {
        if (context.Request.IsRefreshTokenGrantType() && context.RefreshTokenPrincipal is { } granted &&
            context.Request.GetScopes().Except(granted.GetScopes()).Any())
        {
            context.Reject(Errors.InvalidScope, "The scope exceeds what the refresh token was granted.");
        }

        return default;
    }
}
