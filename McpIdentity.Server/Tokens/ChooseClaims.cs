using McpIdentity.Server.Authorization;
using OpenIddict.Abstractions;
using OpenIddict.Server;
using static OpenIddict.Abstractions.OpenIddictConstants;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace McpIdentity.Server.Tokens;

/// <summary>
/// What the tokens of one answer say, by the scopes of this answer: a refresh that asks for less gets an identity token that
/// says less, or none. OpenIddict narrows the access token alone.
/// </summary>
internal sealed class ChooseClaims : IOpenIddictServerHandler<ProcessSignInContext>
{
    public ValueTask HandleAsync(ProcessSignInContext context)
    {
        if (context.EndpointType != OpenIddictServerEndpointType.Token)
        {
            return default; // a code says nothing
        }

        var principal = context.Principal ?? throw new InvalidOperationException("OpenIddict signs nobody in without a principal.");
        var scopes = principal.GetScopes();
        if (context.Request.IsRefreshTokenGrantType() && context.Request.Scope is { Length: > 0 })
        {
            scopes = [.. scopes.Intersect(context.Request.GetScopes())];
        }

        TokenPrincipal.SetDestinations(principal, scopes);
        if (!scopes.Contains(Scopes.OpenId))
        {
            (context.GenerateIdentityToken, context.IncludeIdentityToken) = (false, false);
        }

        return default;
    }
}
