namespace McpIdentity.Migrations.Entities;

/// <summary>
/// One security-relevant act or decision, as it was: of a person, a client, an operator or the server itself. A row is never
/// changed; each is chained to the one that its node wrote before (<see cref="Hash"/>).
/// </summary>
public sealed class AuditEntry
{
    /// <summary>
    /// The events that tell of a client beside its authorizations and calls: seldom ones, so that the index by client and event holds these alone. A query
    /// names all of them to use it.
    /// </summary>
    public static readonly string[] ClientMarks =
    [
        "client_registered", "token_refused", "client_authentication_failed",
        "client_disabled", "client_deleted", "client_enabled", "app_disconnected", "grant_revoked", "session_ended", "sessions_ended", "account_disconnected", "account_connected",
        "user_disabled", "user_removed", "user_enabled",
    ];

    /// <summary>Ascending in the order in which the database took them: pages and exports go by it.</summary>
    public long Id { get; set; }

    /// <summary>Whose chain it stands in: the name of the server, or of the machine where a verb ran.</summary>
    public required string Node { get; set; }

    /// <summary>Its place in that chain, from 1, without a gap.</summary>
    public long Sequence { get; set; }

    /// <summary>When it happened, by the node's clock.</summary>
    public DateTimeOffset At { get; set; }

    /// <summary>In the words of the security log: <c>token_issued</c>, <c>user_disabled</c>.</summary>
    public required string Event { get; set; }

    /// <summary><c>error</c>, <c>warn</c>, <c>info</c> or <c>debug</c>.</summary>
    public required string Level { get; set; }

    /// <summary><c>success</c>, <c>failure</c>, <c>warning</c> or <c>not_enforced</c>.</summary>
    public required string Result { get; set; }

    /// <summary>Who did it, where that is an operator: a person with a role, or the user of the operating system.</summary>
    public string? Actor { get; set; }

    public string? ClientId { get; set; }

    /// <summary>The person whom it concerns.</summary>
    public string? Subject { get; set; }

    /// <summary>The audience: which MCP server, by its URL.</summary>
    public string? Resource { get; set; }

    public string? Tool { get; set; }

    /// <summary>One id from the first request of an authorization to the first call with its token.</summary>
    public string? Flow { get; set; }

    /// <summary>The grant that all tokens of one authorization belong to.</summary>
    public string? GrantId { get; set; }

    /// <summary>Of the one request: the W3C trace id, which pages show as the reference.</summary>
    public string? TraceId { get; set; }

    public string? Address { get; set; }

    /// <summary>The whole event as one line of JSON: that of the security log. Names identifiers, and no token or secret.</summary>
    public required string Line { get; set; }

    /// <summary>SHA-256 over the hash of the entry before in the chain and what this one says.</summary>
    public required byte[] Hash { get; set; }
}
