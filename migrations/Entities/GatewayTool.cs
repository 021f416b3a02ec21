namespace McpIdentity.Migrations.Entities;

/// <summary>A tool of a server behind this one: as it was seen last, and as it is trusted.</summary>
public sealed class GatewayTool
{
    public required string Server { get; set; }

    public required string Name { get; set; }

    /// <summary>Of everything that a model reads of it, as it was seen last.</summary>
    public required string Hash { get; set; }

    public string? Title { get; set; }

    public string? Description { get; set; }

    /// <summary>MCP's <c>readOnlyHint</c>; null: it says nothing of it.</summary>
    public bool? ReadOnly { get; set; }

    /// <summary>MCP's <c>destructiveHint</c>; null: it says nothing of it.</summary>
    public bool? Destructive { get; set; }

    /// <summary>The tool as JSON, as it was seen last; null where that is too long to keep.</summary>
    public string? Document { get; set; }

    public DateTimeOffset FirstSeenAt { get; set; }

    /// <summary>When a list had it last.</summary>
    public DateTimeOffset LastSeenAt { get; set; }

    /// <summary>What an operator has said of it.</summary>
    public GatewayToolState State { get; set; }

    /// <summary>The hash of how it was seen first.</summary>
    public required string FirstHash { get; set; }

    /// <summary>The hash of how an operator allowed it last; null: none has.</summary>
    public string? ReviewedHash { get; set; }

    /// <summary>The tool as JSON as it is trusted: as it was allowed last, or else seen first. Null where that is how it was seen last, or is too long to keep.</summary>
    public string? TrustedDocument { get; set; }

    public DateTimeOffset? ReviewedAt { get; set; }

    /// <summary>Who allowed or blocked it last: the user of the operating system, and the machine.</summary>
    public string? ReviewedBy { get; set; }
}

/// <summary>What an operator has said of a tool.</summary>
public enum GatewayToolState
{
    /// <summary>Nothing.</summary>
    Seen,

    /// <summary>It may be used as it was then.</summary>
    Allowed,

    /// <summary>Nobody may use it.</summary>
    Blocked,
}
