namespace McpIdentity.Mcp;

/// <summary>
/// What our authorization server grants at this endpoint, from a host that is that server. A host that is not leaves it out:
/// then every scope counts as one that people may obtain, but for that of administrators.
/// </summary>
internal interface IMcpScopes
{
    /// <summary>Whether anybody can be granted the scope.</summary>
    bool IsGranted(string scope);

    /// <summary>Whether everybody who asks is granted the scope.</summary>
    bool IsForEverybody(string scope);

    /// <summary>Whether this person would be granted it if the client asked. Asked for lists of tools, so it must be cheap.</summary>
    /// <param name="subject">The <c>sub</c> of one of our own tokens, whose signature is right.</param>
    /// <param name="clientId">The token's client; null where it does not say.</param>
    /// <param name="scope">One that the token does not have.</param>
    /// <param name="cancellationToken">Ends the wait when the caller has gone.</param>
    ValueTask<bool> MayObtainAsync(string subject, string? clientId, string scope, CancellationToken cancellationToken);
}
