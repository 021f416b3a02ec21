using McpIdentity.Server.Protocol;
using McpIdentity.Server.Settings;
using Microsoft.Extensions.Options;
using OpenIddict.Abstractions;
using OpenIddict.Server;
using static OpenIddict.Abstractions.OpenIddictConstants;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace McpIdentity.Server.Authorization;

/// <summary>Drops scopes of other systems, or refuses them, and fills in the default (docs/interoperability.md, "Scopes of other systems"; B-13).</summary>
internal sealed class NormaliseScopes(IOptions<OAuthServerOptions> options) :
    IOpenIddictServerHandler<ValidateAuthorizationRequestContext>,
    IOpenIddictServerHandler<ValidateTokenRequestContext>
{
    public ValueTask HandleAsync(ValidateAuthorizationRequestContext context)
    {
        context.Request.Scope = Join(ServerScopes.Known(context.Request.GetScopes()), context.Request);
        return default;
    }

    public ValueTask HandleAsync(ValidateTokenRequestContext context)
    {
        if (context.Request.IsClientCredentialsGrantType())
        {
            // A client that registered itself administers nothing, whatever it asks for; and there is no person to know or to stay connected to.
            context.Request.Scope = Join(ServerScopes.Known(context.Request.GetScopes().Except([ServerScopes.McpAdmin, .. ServerScopes.OfPeople])), context.Request);
        }
        else if (context.Request.IsRefreshTokenGrantType())
        {
            // RFC 6749 §6: an omitted scope is the granted one. Some clients send it empty, or name scopes of other
            // systems, or offline_access for a refresh token that they hold already.
            var asked = ServerScopes.All.Select(scope => scope.Name).Where(scope => scope != Scopes.OfflineAccess).Intersect(context.Request.GetScopes());
            context.Request.Scope = Join(asked, context.Request) is { Length: > 0 } scope ? scope : null;
        }

        return default;
    }

    // Strict, the unknown ones stay for RefuseUnknownScopes, which speaks where the redirect URI is known to be the client's.
    private string Join(IEnumerable<string> known, OpenIddictRequest request) =>
        string.Join(' ', options.Value.StrictScopes ? known.Concat(ServerScopes.Unknown(request.GetScopes())) : known);
}
