using McpIdentity.Server.Sessions;
using OpenIddict.Abstractions;
using OpenIddict.Server;
using static OpenIddict.Abstractions.OpenIddictConstants;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace McpIdentity.Server.Tokens;

/// <summary>OpenID Connect Core §5.3, §5.4: of the person, what the token's scopes allow.</summary>
internal sealed class AnswerUserInfo(People people) : IOpenIddictServerHandler<HandleUserInfoRequestContext>
{
    public async ValueTask HandleAsync(HandleUserInfoRequestContext context)
    {
        var token = context.AccessTokenPrincipal;
        context.Claims[Claims.Scope] = string.Join(' ', token.GetScopes());
        if (!(token.HasScope(Scopes.Profile) || token.HasScope(Scopes.Email)) ||
            await people.FindAsync(token.GetClaim(Claims.Subject)!, context.CancellationToken) is not { } person)
        {
            return;
        }

        if (token.HasScope(Scopes.Profile) && person.Name is not null)
        {
            context.Claims[Claims.Name] = person.Name;
        }

        if (token.HasScope(Scopes.Email) && person.Email is not null)
        {
            (context.Email, context.EmailVerified) = (person.Email, person.EmailVerified);
        }
    }
}
