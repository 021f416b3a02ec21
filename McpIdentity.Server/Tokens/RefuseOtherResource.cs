using OpenIddict.Abstractions;
using OpenIddict.Server;
using static OpenIddict.Abstractions.OpenIddictConstants;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace McpIdentity.Server.Tokens;

/// <summary>
/// RFC 8707 §2.2: a code or refresh token is good for the resource that the person saw on the consent page. OpenIddict does
/// not compare. Said before anything is spent (docs/interoperability.md, "A wrong target keeps the code").
/// </summary>
internal sealed class RefuseOtherResource : IOpenIddictServerHandler<ValidateTokenRequestContext>
{
    public ValueTask HandleAsync(ValidateTokenRequestContext context)
    {
        if ((context.AuthorizationCodePrincipal ?? context.RefreshTokenPrincipal) is { } granted &&
            context.Request.GetResources().Except(granted.GetResources()).Any())
        {
            context.Reject(Errors.InvalidTarget, "The access was granted for another resource.");
        }

        return default;
    }
}
