namespace McpIdentity.Mcp.Audit;

/// <summary>
/// What is known of a request beside what an event itself says: a feature of the request, with which every event of it is completed.
/// So a refusal in the middle of a sign-in names the client that it began with.
/// </summary>
internal sealed record RequestFacts
{
    public string? ClientId { get; init; }

    public string? Subject { get; init; }

    public string? Resource { get; init; }

    public string? Flow { get; init; }

    public string? SessionId { get; init; }

    public string? GrantId { get; init; }

    /// <summary>The event with what it does not say itself.</summary>
    public SecurityEvent Complete(SecurityEvent e) => e with
    {
        ClientId = e.ClientId ?? ClientId,
        Subject = e.Subject ?? Subject,
        Resource = e.Resource ?? Resource,
        Flow = e.Flow ?? Flow,
        SessionId = e.SessionId ?? SessionId,
        GrantId = e.GrantId ?? GrantId,
    };
}
