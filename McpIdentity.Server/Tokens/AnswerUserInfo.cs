using OpenIddict.Abstractions;
using OpenIddict.Server;
using static OpenIddict.Abstractions.OpenIddictConstants;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace McpIdentity.Server.Tokens;

/// <summary>OpenID Connect §5.3: what the access token says of the person, without a query.</summary>
internal sealed class AnswerUserInfo : IOpenIddictServerHandler<HandleUserInfoRequestContext>
{
    public ValueTask HandleAsync(HandleUserInfoRequestContext context)
    {
        var token = context.AccessTokenPrincipal;
        context.Email = token.GetClaim(Claims.Email);
        context.EmailVerified = token.GetClaim(Claims.EmailVerified) is { } verified ? bool.Parse(verified) : null;
        if (token.GetClaim(Claims.Name) is { } name)
        {
            context.Claims[Claims.Name] = name;
        }

        context.Claims[Claims.Scope] = string.Join(' ', token.GetScopes());
        return default;
    }
}
