namespace McpIdentity.Server.Federation;

/// <summary>Two people to try the server with: in Development, as long as no provider is configured. No password, hence nowhere else.</summary>
internal static class DemoProvider
{
    public const string Name = "demo";

    /// <summary>As pages call it, in every language.</summary>
    public const string DisplayName = "Demo";

    public static readonly IReadOnlyList<UpstreamIdentity> People =
    [
        new(Name, "alice", "Alice Example", "alice@example.com", EmailVerified: true) { Groups = ["staff", "admins"] },
        new(Name, "bob", "Bob Example", "bob@example.com", EmailVerified: true) { Groups = ["staff"] },
    ];

    public static UpstreamIdentity? Find(string? username) =>
        People.FirstOrDefault(person => string.Equals(person.Subject, username?.Trim(), StringComparison.OrdinalIgnoreCase));
}
