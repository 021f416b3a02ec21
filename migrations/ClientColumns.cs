namespace McpIdentity.Migrations;

/// <summary>What we keep of a client beside OpenIddict's columns. EF Core calls such columns shadow properties.</summary>
public static class ClientColumns
{
    /// <summary>When a client registered itself. Null for the clients of an operator, which are never pruned.</summary>
    public const string RegisteredAt = nameof(RegisteredAt);

    /// <summary>When something was last issued to it, to the day. Null while nothing was.</summary>
    public const string LastUsedAt = nameof(LastUsedAt);

    /// <summary>Since when an operator, or the configuration that no more has it, refuses it.</summary>
    public const string DisabledAt = nameof(DisabledAt);

    /// <summary>Since when a client that registered itself waits for an operator to approve it. Null once it was, and where none has to be.</summary>
    public const string AwaitingApprovalSince = nameof(AwaitingApprovalSince);
}
