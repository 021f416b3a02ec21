using McpIdentity.Mcp;
using McpIdentity.Server.Sessions;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.JsonWebTokens;
using OpenIddict.Abstractions;
using OpenIddict.Server;
using static OpenIddict.Abstractions.OpenIddictConstants;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace McpIdentity.Server.Tokens;

/// <summary>
/// A code, a refresh token or an access token of a session that is gone is worth nothing here either: a client that could
/// refresh would only get the next token that <c>/mcp</c> refuses. Where <c>RequireValidSession</c> is off, nothing is asked.
/// </summary>
internal sealed class RequireLivingSession(SignInSessions sessions, IOptions<McpOptions> mcp) : IOpenIddictServerHandler<ValidateTokenContext>
{
    private readonly bool _isRequired = mcp.Value.Auth.OAuth.RequireValidSession || mcp.Value.AuthEnforcement.RequireValidSession == true; // SEED-066

    public async ValueTask HandleAsync(ValidateTokenContext context)
    {
        if (context.Principal?.GetClaim(JwtRegisteredClaimNames.Sid) is not { } sessionId)
        {
            return;
        }

        if (_isRequired && !await sessions.IsAliveAsync(sessionId, context.CancellationToken))
        {
            context.Reject(Errors.InvalidToken, "Session not found");
        }
        else if (context.EndpointType == OpenIddictServerEndpointType.Token)
        {
            await sessions.KeepAsync(sessionId, context.CancellationToken);
        }
    }
}
