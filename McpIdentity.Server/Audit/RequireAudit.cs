using McpIdentity.Mcp.Audit;
using OpenIddict.Server;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace McpIdentity.Server.Audit;

/// <summary>Before a code or refresh token is spent: what would be issued for it must be written down, where the operator wants it so (<c>Audit:WhenUnavailable</c>).</summary>
internal sealed class RequireAudit(SecurityLog log) : IOpenIddictServerHandler<ProcessSignInContext>
{
    public ValueTask HandleAsync(ProcessSignInContext context)
    {
        log.Require();
        return default;
    }
}
