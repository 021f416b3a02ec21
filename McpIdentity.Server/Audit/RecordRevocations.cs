using McpIdentity.Mcp.Audit;
using Microsoft.AspNetCore;
using Microsoft.IdentityModel.JsonWebTokens;
using OpenIddict.Abstractions;
using OpenIddict.Server;
using static OpenIddict.Abstractions.OpenIddictConstants;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace McpIdentity.Server.Audit;

/// <summary>A client gave a token back (RFC 7009).</summary>
internal sealed class RecordRevocations(SecurityLog log) : IOpenIddictServerHandler<HandleRevocationRequestContext>
{
    public ValueTask HandleAsync(HandleRevocationRequestContext context)
    {
        var token = context.GenericTokenPrincipal;
        log.Write(context.Transaction.GetHttpRequest()?.HttpContext, SecurityEvent.Success("token_revoked") with
        {
            ClientId = context.Request.ClientId,
            Subject = token?.GetClaim(Claims.Subject),
            SessionId = token?.GetClaim(JwtRegisteredClaimNames.Sid),
            GrantId = token?.GetAuthorizationId(),
        });
        return default;
    }
}
