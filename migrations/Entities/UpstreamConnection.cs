namespace McpIdentity.Migrations.Entities;

/// <summary>One person's own account at a server behind this one.</summary>
public sealed class UpstreamConnection
{
    /// <summary>Whose it is.</summary>
    public required string UserId { get; set; }

    /// <summary>The name of the server in <c>Gateway:Servers</c>.</summary>
    public required string Server { get; set; }

    /// <summary>The tokens, encrypted: nothing of them can be read from the database alone.</summary>
    public required string Tokens { get; set; }

    /// <summary>One more with each change of the tokens, and with each taking of a refresh; it begins anywhere. Who refreshes them does so from a version that is still the last.</summary>
    public int Version { get; set; }

    /// <summary>Until when one node has the refresh to itself; null: none is under way.</summary>
    public DateTimeOffset? RefreshingUntil { get; set; }

    /// <summary>When the person connected it.</summary>
    public DateTimeOffset CreatedAt { get; set; }

    /// <summary>When the tokens were last given.</summary>
    public DateTimeOffset UpdatedAt { get; set; }

    /// <summary>What the tokens are good for, separated by spaces; null where the server did not say.</summary>
    public string? Scope { get; set; }
}
