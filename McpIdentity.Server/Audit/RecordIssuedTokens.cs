using McpIdentity.Mcp.Audit;
using Microsoft.AspNetCore;
using Microsoft.IdentityModel.JsonWebTokens;
using OpenIddict.Abstractions;
using OpenIddict.Server;
using static OpenIddict.Abstractions.OpenIddictConstants;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace McpIdentity.Server.Audit;

/// <summary>A code, tokens, or new tokens for old ones.</summary>
internal sealed class RecordIssuedTokens(SecurityLog log) : IOpenIddictServerHandler<ProcessSignInContext>
{
    public async ValueTask HandleAsync(ProcessSignInContext context)
    {
        var name = context.EndpointType switch
        {
            OpenIddictServerEndpointType.Authorization => "code_issued",
            OpenIddictServerEndpointType.Token when context.Request.IsRefreshTokenGrantType() => "token_refreshed",
            _ => "token_issued",
        };
        var principal = context.Principal;
        // Before anybody has it (Audit:WhenUnavailable).
        await log.WriteKeptAsync(context.Transaction.GetHttpRequest()?.HttpContext, SecurityEvent.Success(name) with
        {
            ClientId = context.ClientId,
            Subject = principal?.GetClaim(Claims.Subject),
            GrantType = context.Request.GrantType,
            Scope = principal is null ? null : string.Join(' ', (context.AccessTokenPrincipal ?? principal).GetScopes()),
            SessionId = principal?.GetClaim(JwtRegisteredClaimNames.Sid),
            GrantId = principal?.GetAuthorizationId(),
            Resource = principal?.GetResources().FirstOrDefault(),
        });
    }
}
