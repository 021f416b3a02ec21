using OpenIddict.Abstractions;
using OpenIddict.Server;
using static OpenIddict.Abstractions.OpenIddictConstants;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace McpIdentity.Server.Tokens;

/// <summary>
/// RFC 7662 §2.2: who may ask about a token, and what the answer holds. A client may ask about its own tokens; a resource
/// server, about those issued for the resource that its registration permits (<c>rsrc:</c>). Anyone else hears <c>active: false</c>.
/// </summary>
internal sealed class IntrospectForResourceServers(IOpenIddictApplicationManager clients) : IOpenIddictServerHandler<HandleIntrospectionRequestContext>
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
        context.Username = token.GetClaim(Claims.Email);
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
