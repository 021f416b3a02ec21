using McpIdentity.Server.Protocol;
using OpenIddict.Abstractions;
using OpenIddict.Server;
using static OpenIddict.Abstractions.OpenIddictConstants;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace McpIdentity.Server.Tokens;

/// <summary>
/// RFC 8707 §2.2: a code or refresh token is good for the resource that the person saw on the consent page, as long as that is
/// served here, with scopes that it still has. OpenIddict does not compare. Said before anything is spent
/// (docs/interoperability.md, "A wrong target keeps the code").
/// </summary>
internal sealed class RefuseOtherResource(ProtectedResources resources) : IOpenIddictServerHandler<ValidateTokenRequestContext>
{
    public ValueTask HandleAsync(ValidateTokenRequestContext context)
    {
        if ((context.AuthorizationCodePrincipal ?? context.RefreshTokenPrincipal) is not { } granted)
        {
            return default;
        }

        if (granted.GetResources() is not [var identifier] || resources.Get(identifier) is not { } resource)
        {
            // Whatever the request names: so that the client lets go of the token and asks the person anew (RFC 6749 §5.2;
            // docs/interoperability.md, "A resource that moved"). SDKs do nothing of the kind on invalid_target.
            context.Reject(Errors.InvalidGrant, "The access was granted for a resource that is not served any more.");
            return default;
        }

        if (context.Request.GetResources().Except(granted.GetResources()).Any())
        {
            context.Reject(Errors.InvalidTarget, $"The access was granted for {identifier}, and for no other resource.");
            return default;
        }

        // An entry of OAuth:Resources that lost a scope takes it from what was granted, as one that is gone takes everything.
        granted.SetScopes(granted.GetScopes().Except(resource.UnknownOf(granted.GetScopes())));
        if (!resource.Scopes.Any(scope => granted.HasScope(scope.Name)))
        {
            context.Reject(Errors.InvalidGrant, "The access was granted with scopes that are not served any more.");
        }

        return default;
    }
}
