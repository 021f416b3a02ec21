using McpIdentity.Server.Authorization;
using OpenIddict.Abstractions;
using OpenIddict.Server;
using static OpenIddict.Abstractions.OpenIddictConstants;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace McpIdentity.Server.Tokens;

/// <summary>
/// A refresh token for every client that registered the grant, whether or not it knew to ask for <c>offline_access</c>:
/// many do not, and their people would sign in every hour (docs/interoperability.md, "Refresh tokens without offline_access"). Not where the
/// person did not want it to stay connected.
/// </summary>
internal sealed class IssueRefreshTokens(IOpenIddictApplicationManager clients) : IOpenIddictServerHandler<ProcessSignInContext>
{
    public async ValueTask HandleAsync(ProcessSignInContext context)
    {
        if (context.EndpointType != OpenIddictServerEndpointType.Token)
        {
            return;
        }

        if (context.Request.IsClientCredentialsGrantType())
        {
            // RFC 6749 §4.4.3; and there is no person whom an identity token could name.
            (context.GenerateRefreshToken, context.IncludeRefreshToken) = (false, false);
            (context.GenerateIdentityToken, context.IncludeIdentityToken) = (false, false);
            return;
        }

        var client = await clients.FindByClientIdAsync(context.ClientId!, context.CancellationToken);
        var mayRefresh = client is not null && !TokenPrincipal.EndsByItself(context.Principal!) &&
            await clients.HasPermissionAsync(client, Permissions.GrantTypes.RefreshToken, context.CancellationToken);
        (context.GenerateRefreshToken, context.IncludeRefreshToken) = (mayRefresh, mayRefresh);
    }
}
