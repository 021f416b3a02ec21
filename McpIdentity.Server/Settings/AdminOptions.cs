namespace McpIdentity.Server.Settings;

/// <summary>
/// Who administers this server, and by which ways: the section <c>Admin</c> (docs/administration.md). An entry of a role is a person's
/// <c>sub</c>, a verified e-mail address, or <c>group:</c> and a group as the policy knows it.
/// </summary>
internal sealed class AdminOptions
{
    public const string Section = "Admin";

    /// <summary>Before the name of a group.</summary>
    public const string Group = "group:";

    /// <summary>May do everything: <c>[ "anna@example.com", "group:platform" ]</c>.</summary>
    public IList<string> Owners { get; } = [];

    /// <summary>May change everything but signing keys, the policy, and who has which role.</summary>
    public IList<string> Operators { get; } = [];

    /// <summary>May read everything, the audit too, and change nothing.</summary>
    public IList<string> Auditors { get; } = [];

    /// <summary>May see people, their apps and their sessions, and end them.</summary>
    public IList<string> Helpdesk { get; } = [];

    /// <summary>Whether there is the admin API, below <c>/api/admin/v1</c>.</summary>
    public bool Api { get; set; } = true;

    /// <summary>Whether there is the console, at <c>/admin</c>.</summary>
    public bool Console { get; set; } = true;

    /// <summary>Requests in a window (<c>Mcp:RateLimiting:WindowMs</c>) of one caller of the admin API.</summary>
    public int ApiMaxRequests { get; set; } = 600;
}
