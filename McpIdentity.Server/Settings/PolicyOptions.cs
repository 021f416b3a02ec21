namespace McpIdentity.Server.Settings;

/// <summary>
/// Who may do what at the servers that this one fronts: the section <c>Policy</c> (docs/policy.md). The first rule that matches decides;
/// what none matches is refused.
/// </summary>
internal sealed class PolicyOptions
{
    public const string Section = "Policy";

    private static readonly string[] UsualClaims = ["groups", "roles"];

    /// <summary>The claims in which sign-in providers say the groups of a person. Absent, <c>groups</c> and <c>roles</c>.</summary>
    public IList<string> GroupClaims { get; } = [];

    /// <summary>
    /// Groups of your own, each with its members: <c>"developers": [ "anna@example.com", "@example.org" ]</c>. An entry is a verified
    /// e-mail address, <c>@</c> and a domain, <c>subject:</c> and a person's <c>sub</c>, <c>client:</c> and the id of a client that
    /// speaks for itself, or <c>claim:</c> and what a sign-in provider calls a group.
    /// </summary>
    public IDictionary<string, IList<string>> Groups { get; } = new Dictionary<string, IList<string>>(StringComparer.OrdinalIgnoreCase);

    /// <summary>The rules, in their order. A member that a rule does not have matches everything.</summary>
    public IList<PolicyRuleOptions> Rules { get; } = [];

    /// <summary>
    /// A JSON file with <c>Groups</c> and <c>Rules</c> that come after those here. It is read again when it changes: no restart is needed.
    /// </summary>
    public string? File { get; set; }

    /// <summary>The claims to look into.</summary>
    internal IReadOnlyCollection<string> ClaimsOfGroups => GroupClaims.Count > 0 ? [.. GroupClaims] : UsualClaims;

    /// <summary>What the document is called; null for the settings themselves.</summary>
    internal string? Title { get; private init; }

    /// <summary>What could not be read of it.</summary>
    internal IList<string> Problems { get; } = [];

    /// <param name="section">The section of the configuration.</param>
    // Not by .NET's binder: to it a member that is empty is one that is absent, and that matches everybody.
    public static PolicyOptions ReadFrom(IConfigurationSection section)
    {
        var options = new PolicyOptions { File = section[nameof(File)] is { Length: > 0 } file ? file : null };
        foreach (var claim in section.GetSection(nameof(GroupClaims)).GetChildren())
        {
            options.GroupClaims.Add(claim.Value ?? "");
        }

        new PolicyReader(options).Read(section);
        return options;
    }

    /// <summary>The same of a document of its own, which has groups and rules.</summary>
    /// <param name="document">The document, as configuration.</param>
    /// <param name="title">What it is called where one of its rules is named.</param>
    public static PolicyOptions ReadFrom(IConfiguration document, string title)
    {
        var options = new PolicyOptions { Title = title };
        new PolicyReader(options).Read(document);
        return options;
    }
}

/// <summary>One rule as it is written.</summary>
internal sealed class PolicyRuleOptions
{
    /// <summary>Who is in one of these groups: those of <c>Policy:Groups</c>, and what a sign-in provider says by name.</summary>
    public IList<string>? Groups { get; set; }

    /// <summary>These people: a verified e-mail address, <c>@</c> and a domain, or <c>subject:</c> and a person's <c>sub</c>.</summary>
    public IList<string>? Users { get; set; }

    /// <summary>Through these clients, by their ids (<c>*</c> stands for any text); <c>service:</c> before one: where it speaks for itself.</summary>
    public IList<string>? Clients { get; set; }

    /// <summary>At these fronted servers, by their names (<c>*</c> stands for any text).</summary>
    public IList<string>? Servers { get; set; }

    /// <summary>
    /// These tools: a name (<c>*</c> stands for any text), <c>annotation:read-only</c> or <c>annotation:destructive</c>. With
    /// <c>resource:</c> before it an entry is the address of a resource, with <c>prompt:</c> the name of a prompt. Absent: everything.
    /// </summary>
    public IList<string>? Tools { get; set; }

    /// <summary><c>allow</c>, <c>deny</c>, or <c>ask</c>: allowed when the person has agreed to it.</summary>
    public string? Effect { get; set; }

    /// <summary>The scopes of the server that can be granted by it. Absent, all.</summary>
    public IList<string>? Scopes { get; set; }

    /// <summary>Where it stands: <c>Policy:Rules:2</c>, or "stored policy, rule 3".</summary>
    internal string Place { get; init; } = "";

    /// <summary>The members that say for whom and what it is, by their names.</summary>
    internal IEnumerable<(string Name, IList<string>? Entries)> Members =>
        [(nameof(Groups), Groups), (nameof(Users), Users), (nameof(Clients), Clients), (nameof(Servers), Servers), (nameof(Tools), Tools), (nameof(Scopes), Scopes)];
}
