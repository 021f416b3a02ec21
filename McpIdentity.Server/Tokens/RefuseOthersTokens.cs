using OpenIddict.Abstractions;
using OpenIddict.Server;
using static OpenIddict.Abstractions.OpenIddictConstants;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace McpIdentity.Server.Tokens;

/// <summary>
/// RFC 7009 §2.1: a client revokes its own tokens; the revocation of another's is refused, in the words of RFC 6749 §5.2:
/// "was issued to another client". OpenIddict answers it like a token that nobody knows: 200.
/// </summary>
internal sealed class RefuseOthersTokens : IOpenIddictServerHandler<ValidateRevocationRequestContext>
{
    public ValueTask HandleAsync(ValidateRevocationRequestContext context)
    {
        if (context.GenericTokenPrincipal is { } token && !token.HasPresenter(context.ClientId!) && token.GetClaim(Claims.ClientId) != context.ClientId)
        {
            context.Reject(Errors.InvalidGrant, "The token was issued to another client.");
        }

        return default;
    }
}
