using McpIdentity.Server.Protocol;
using OpenIddict.Abstractions;
using OpenIddict.Server;
using static OpenIddict.Abstractions.OpenIddictConstants;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace McpIdentity.Server.Authorization;

/// <summary><c>OAuth:StrictScopes</c>: <c>invalid_scope</c> (RFC 6749 §4.1.2.1, §5.2). Otherwise <see cref="NormaliseScopes"/> has left nothing to refuse.</summary>
internal sealed class RefuseUnknownScopes :
    IOpenIddictServerHandler<ValidateAuthorizationRequestContext>,
    IOpenIddictServerHandler<ValidateTokenRequestContext>
{
    public ValueTask HandleAsync(ValidateAuthorizationRequestContext context) => Check(context, context.Request);

    public ValueTask HandleAsync(ValidateTokenRequestContext context) => Check(context, context.Request);

    private static ValueTask Check(BaseValidatingContext context, OpenIddictRequest request)
    {
        if (ServerScopes.Unknown(request.GetScopes()).Any())
        {
            context.Reject(Errors.InvalidScope, "A scope that was asked for is not known here; scopes_supported in the metadata names those that are.");
        }

        return default;
    }
}
