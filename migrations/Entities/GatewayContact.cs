namespace McpIdentity.Migrations.Entities;

/// <summary>What came of it when this server last asked one behind it for its tools. One node asks for all, and each of them knows of it by this row.</summary>
public sealed class GatewayContact
{
    public required string Server { get; set; }

    public DateTimeOffset At { get; set; }

    /// <summary>When it last answered; null: never.</summary>
    public DateTimeOffset? AnsweredAt { get; set; }

    /// <summary>Why it did not; null: it did.</summary>
    public string? Problem { get; set; }

    /// <summary>How many tools it had.</summary>
    public int Tools { get; set; }
}
