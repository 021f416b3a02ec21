using McpIdentity.Mcp.Credentials;

namespace McpIdentity.Mcp.Gate;

/// <summary>What was decided about a request.</summary>
internal enum McpOutcome
{
    Allowed,
    AuthenticationRequired,
    InvalidToken,
    InsufficientScopes,
    AdminRequired,
    Unavailable,
    WrongSite,
}

/// <summary>The decision about one request, and everything its answer needs to say.</summary>
internal sealed record McpAccess(McpOutcome Outcome)
{
    public VerifiedCaller? Caller { get; init; }

    /// <summary>All scopes that this operation needs, so that one more sign-in is enough.</summary>
    public IReadOnlyList<string> Needed { get; init; } = [];

    public IReadOnlyList<string> Missing { get; init; } = [];

    /// <summary>What is wrong with a credential or a site.</summary>
    public string? Description { get; init; }

    public bool IsAllowed => Outcome == McpOutcome.Allowed;
}

/// <summary>Carries the decision to the second layer, inside the SDK's pipeline. Scoped: empty means that no gate was passed.</summary>
internal sealed class CurrentAccess
{
    public McpCall? Call { get; set; }

    public McpAccess? Access { get; set; }
}
