namespace McpIdentity.Mcp;

/// <summary>Knows whether the session behind one of our own tokens still lives. Asked on every request: it must be cheap.</summary>
public interface IMcpSessionStore
{
    /// <param name="sessionId">The token's <c>sid</c>.</param>
    /// <param name="grantId">The token's <c>oi_au_id</c>.</param>
    /// <param name="tokenId">The token's <c>jti</c>.</param>
    /// <param name="ct">Ends the wait when the caller has gone.</param>
    ValueTask<bool> IsAliveAsync(string sessionId, string? grantId, string? tokenId, CancellationToken ct);
}
