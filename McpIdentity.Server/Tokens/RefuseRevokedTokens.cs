using McpIdentity.Mcp;
using McpIdentity.Server.Revocation;
using Microsoft.IdentityModel.JsonWebTokens;
using OpenIddict.Abstractions;
using OpenIddict.Server;
using static OpenIddict.Abstractions.OpenIddictConstants;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace McpIdentity.Server.Tokens;

/// <summary>What was revoked is refused at userinfo, introspection and the token endpoint, as it is at the MCP endpoint.</summary>
internal sealed class RefuseRevokedTokens(RevocationList list) : IOpenIddictServerHandler<ValidateTokenContext>
{
    public ValueTask HandleAsync(ValidateTokenContext context)
    {
        if (context.Principal is not { } token)
        {
            return default;
        }

        // A refresh token is as old as its grant, however often it was renewed: what a client or person had is what ended.
        var issuedAt = PresentedToken.Find(context.Transaction)?.Grant.CreatedAt ?? token.GetCreationDate();
        var identity = new McpTokenIdentity(
            token.GetClaim(JwtRegisteredClaimNames.Jti),
            token.GetAuthorizationId(),
            token.GetClaim(JwtRegisteredClaimNames.Sid),
            token.GetClaim(Claims.ClientId) ?? token.GetPresenters().FirstOrDefault(),
            token.GetClaim(Claims.Subject),
            issuedAt ?? DateTimeOffset.MinValue);
        if (list.IsRevoked(identity))
        {
            context.Reject(Errors.InvalidToken, "Session not found");
        }

        return default;
    }
}
