using McpIdentity.Server.Authorization;
using McpIdentity.Server.Sessions;
using OpenIddict.Abstractions;
using OpenIddict.Server;
using static OpenIddict.Abstractions.OpenIddictConstants;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace McpIdentity.Server.Tokens;

/// <summary>
/// RFC 7662 §2.2: who may ask about a token, and what the answer holds. A client may ask about its own tokens; a resource
/// server, about those issued for the resources that the operator named for it (<c>OAuth:StaticClients:{n}:Resources</c>). Anyone
/// else hears <c>active: false</c>. The person's address is for those whom the token's scopes give it.
/// </summary>
internal sealed class IntrospectForResourceServers(IOpenIddictApplicationManager clients, People people) : IOpenIddictServerHandler<HandleIntrospectionRequestContext>
{
    public async ValueTask HandleAsync(HandleIntrospectionRequestContext context)
    {
        var token = context.GenericTokenPrincipal;
        var caller = context.Request.ClientId;
        if (!token.HasPresenter(caller!) && token.GetClaim(Claims.ClientId) != caller && !await MayReadAsync(caller, token, context.CancellationToken))
        {
            context.Reject(Errors.InvalidToken, "The token was issued neither to this client nor for its resource.");
            return;
        }

        context.Scopes.UnionWith(token.GetScopes());
        if ((SignedToken.Find(context.Transaction) is { } signed ? signed.Tools : TokenPrincipal.ToolsOf(token)) is { } tools)
        {
            // RFC 7662 §2.2 lets us say more: whoever serves the tools has to know. OpenIddict leaves an empty array out, which would
            // allow everything; no tool has an empty name.
            context.Claims[TokenPrincipal.ToolsClaim] = new OpenIddictParameter([.. tools.DefaultIfEmpty("")]);
        }

        if (token.HasScope(Scopes.Email) && await people.FindAsync(token.GetClaim(Claims.Subject)!, context.CancellationToken) is { Email: { } email })
        {
            context.Username = email;
        }
    }

    private async ValueTask<bool> MayReadAsync(string? caller, System.Security.Claims.ClaimsPrincipal token, CancellationToken cancellationToken)
    {
        if (caller is null || await clients.FindByClientIdAsync(caller, cancellationToken) is not { } client)
        {
            return false;
        }

        foreach (var audience in token.GetAudiences())
        {
            if (await clients.HasPermissionAsync(client, Permissions.Prefixes.Resource + audience, cancellationToken))
            {
                return true;
            }
        }

        return false;
    }
}
