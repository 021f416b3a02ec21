using McpIdentity.Server.Authorization;
using OpenIddict.Abstractions;
using OpenIddict.Server;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace McpIdentity.Server.Tokens;

/// <summary>RFC 6749 §4.4. The other grants need no handler: OpenIddict issues again what the code or refresh token holds.</summary>
internal sealed class IssueClientCredentials : IOpenIddictServerHandler<HandleTokenRequestContext>
{
    public ValueTask HandleAsync(HandleTokenRequestContext context)
    {
        if (context.Request.IsClientCredentialsGrantType())
        {
            context.Principal = TokenPrincipal.ForClient(
                context.ClientId!, context.Request.GetScopes(), context.Request.GetResources());
        }

        return default;
    }
}
