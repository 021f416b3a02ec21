using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Revocation;
using Microsoft.IdentityModel.JsonWebTokens;
using OpenIddict.Abstractions;
using OpenIddict.Server;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace McpIdentity.Server.Tokens;

/// <summary>
/// RFC 7009 §2.1: revoking a refresh token also ends the access tokens of its grant. Revoking an access token ends the
/// grant too: it has no row of its own, and a client that gives one up has no use for the rest. A client credentials token
/// belongs to no grant and ends alone.
/// </summary>
internal sealed class RevokeWholeGrant(Revocations revocations) : IOpenIddictServerHandler<HandleRevocationRequestContext>
{
    public async ValueTask HandleAsync(HandleRevocationRequestContext context)
    {
        var token = context.GenericTokenPrincipal;
        if (Grant.ParseName(token.GetAuthorizationId()) is { } grantId)
        {
            await revocations.RevokeGrantAsync(grantId);
        }
        else if (token.GetClaim(JwtRegisteredClaimNames.Jti) is { } tokenId && token.GetExpirationDate() is { } expiresAt)
        {
            await revocations.RevokeTokenAsync(tokenId, expiresAt);
        }
    }
}
