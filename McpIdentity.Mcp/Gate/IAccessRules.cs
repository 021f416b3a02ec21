using McpIdentity.Mcp.Credentials;

namespace McpIdentity.Mcp.Gate;

/// <summary>Decides whether a caller may do what a message asks: at the module's own endpoint, and at a server that the host fronts.</summary>
internal interface IAccessRules
{
    /// <param name="call">The message.</param>
    /// <param name="credentials">What was shown.</param>
    /// <param name="token">Whose it is.</param>
    /// <param name="cancellationToken">Ends the wait when the caller has gone.</param>
    ValueTask<McpAccess> DecideAsync(McpCall call, PresentedCredentials credentials, TokenOutcome token, CancellationToken cancellationToken);
}
