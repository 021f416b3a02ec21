using McpIdentity.Server.Protocol;
using McpIdentity.Server.Settings;
using Microsoft.Extensions.Options;
using OpenIddict.Abstractions;
using OpenIddict.Server;
using static OpenIddict.Abstractions.OpenIddictConstants;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace McpIdentity.Server.Tokens;

/// <summary>
/// RFC 6749 §6: a refresh may ask for less than was granted, and none means all of it. Some clients send the parameter empty,
/// or repeat what they asked for at first, with scopes of other systems in it, or <c>offline_access</c>. More than was granted
/// is <c>invalid_scope</c> (§5.2); OpenIddict would say that the token is bad, and the client would throw it away.
/// </summary>
internal sealed class RefuseWiderScope(ProtectedResources resources, IOptions<OAuthServerOptions> options) : IOpenIddictServerHandler<ValidateTokenRequestContext>
{
    public ValueTask HandleAsync(ValidateTokenRequestContext context)
    {
        if (!context.Request.IsRefreshTokenGrantType() || context.RefreshTokenPrincipal is not { } granted)
        {
            return default;
        }

        var resource = resources.Get(granted.GetResources().Single()) ?? throw new InvalidOperationException("RefuseOtherResource lets no other resource through.");
        var asked = context.Request.GetScopes().Remove(Scopes.OfflineAccess);
        string[] known = [.. asked.Except(resource.UnknownOf(asked))];
        if (options.Value.StrictScopes && known.Length < asked.Length)
        {
            context.Reject(Errors.InvalidScope, resource.Unknown);
        }
        else if (known.Except(granted.GetScopes()).Any())
        {
            context.Reject(Errors.InvalidScope, "The scope exceeds what the refresh token was granted.");
        }

        context.Request.Scope = known.Length > 0 ? string.Join(' ', known) : null;
        return default;
    }
}
