namespace McpIdentity.Mcp;

/// <summary>Knows what has ended before its tokens expire. Asked on every request: it must be cheap.</summary>
public interface IMcpSessionStore
{
    /// <param name="token">What one of our own tokens, whose signature is right, says of itself.</param>
    /// <param name="ct">Ends the wait when the caller has gone.</param>
    /// <returns>False when the token itself, or its grant, session, client or user, was revoked.</returns>
    ValueTask<bool> IsAliveAsync(McpTokenIdentity token, CancellationToken ct);
}

/// <summary>All that an access token can be revoked by.</summary>
/// <param name="TokenId">Its <c>jti</c>.</param>
/// <param name="GrantId">Its <c>oi_au_id</c>: the authorization that it was issued under.</param>
/// <param name="SessionId">Its <c>sid</c>: the sign-in session; null too where <c>RequireValidSession</c> is off.</param>
/// <param name="ClientId">Its <c>client_id</c>.</param>
/// <param name="Subject">Its <c>sub</c>.</param>
/// <param name="IssuedAt">Its <c>iat</c>: what a client or user receives some seconds after its revocation is not touched by it.</param>
public readonly record struct McpTokenIdentity(
    string? TokenId, string? GrantId, string? SessionId, string? ClientId, string? Subject, DateTimeOffset IssuedAt);
