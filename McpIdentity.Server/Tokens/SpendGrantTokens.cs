using McpIdentity.Mcp.Audit;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Revocation;
using Microsoft.AspNetCore;
using OpenIddict.Server;
using static OpenIddict.Abstractions.OpenIddictConstants;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace McpIdentity.Server.Tokens;

/// <summary>
/// Spends the code or refresh token once everything else of the request is known to be right, before anything is signed:
/// the one write of a refresh. One that was spent before was stolen by one of the two that sent it: its grant ends, access
/// tokens included (RFC 6749 §4.1.2, RFC 9700 §4.14.2).
/// </summary>
internal sealed partial class SpendGrantTokens(Grants grants, Revocations revocations, SecurityLog log, ILogger<SpendGrantTokens> logger)
    : IOpenIddictServerHandler<ProcessSignInContext>
{
    public async ValueTask HandleAsync(ProcessSignInContext context)
    {
        if (context.EndpointType != OpenIddictServerEndpointType.Token || PresentedToken.Find(context.Transaction) is not { } presented)
        {
            return;
        }

        switch (await grants.SpendAsync(presented, goesOn: context.GenerateRefreshToken, context.CancellationToken))
        {
            case Spending.Reused:
                await revocations.RevokeGrantAsync(presented.Grant.Id);
                Report(context, presented);
                context.Reject(Errors.InvalidGrant, "The token has already been used.");
                break;
            case Spending.Ended:
                context.Reject(Errors.InvalidGrant, "The grant has ended.");
                break;
            default:
                break; // The tokens follow.
        }
    }

    private void Report(ProcessSignInContext context, PresentedToken presented)
    {
        var (grant, generation) = presented;
        GrantRevoked(Grant.NameOf(grant.Id), generation);
        log.Write(context.Transaction.GetHttpRequest()?.HttpContext, SecurityEvent.Alarm(
            generation == 0 ? "code_reuse" : "refresh_token_reuse", "used twice; the grant with all its tokens has been ended") with
        {
            ClientId = grant.ClientId,
            Subject = grant.UserId,
            SessionId = grant.SessionId,
            GrantId = Grant.NameOf(grant.Id),
        });
    }

    [LoggerMessage(1201, LogLevel.Warning, "Grant {GrantId} was revoked: its token number {Generation} (0 is the code) was used twice.")]
    private partial void GrantRevoked(string grantId, int generation);
}
