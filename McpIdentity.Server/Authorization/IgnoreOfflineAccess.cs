using OpenIddict.Abstractions;
using OpenIddict.Server;
using static OpenIddict.Abstractions.OpenIddictConstants;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace McpIdentity.Server.Authorization;

/// <summary>
/// OpenID Connect Core §11: <c>offline_access</c> is ignored where it cannot be had. A client that may not refresh asks for it
/// because the metadata lists it (docs/interoperability.md, "Refresh tokens without offline_access").
/// </summary>
internal sealed class IgnoreOfflineAccess(IOpenIddictApplicationManager clients) : IOpenIddictServerHandler<ValidateAuthorizationRequestContext>
{
    public async ValueTask HandleAsync(ValidateAuthorizationRequestContext context)
    {
        if (!context.Request.HasScope(Scopes.OfflineAccess))
        {
            return;
        }

        var client = await clients.FindByClientIdAsync(context.ClientId!, context.CancellationToken);
        if (client is not null && !await clients.HasPermissionAsync(client, Permissions.GrantTypes.RefreshToken, context.CancellationToken))
        {
            context.Request.Scope = string.Join(' ', context.Request.GetScopes().Remove(Scopes.OfflineAccess)); // NormaliseScopes has put the default beside it
        }
    }
}
