using System.Text;
using McpIdentity.Server.Policy;
using McpIdentity.Server.Settings;

namespace McpIdentity.Tests.Policy;

/// <summary>Who asks in the tests of decisions, and policies written as text.</summary>
internal static class PolicyWorld
{
    /// <summary>A policy as a document has it; a test that writes nonsense fails here.</summary>
    public static PolicySet Of(params string[] documents)
    {
        var read = documents.Select(document => PolicyDocument.Parse(PolicyDocument.Stored, Encoding.UTF8.GetBytes(document))).ToList();
        Assert.That(read.SelectMany(document => PolicyCheck.Problems(document)), Is.Empty);
        return new PolicySet(read);
    }

    /// <summary>A person whose e-mail address counts and whose provider said some groups, or a service.</summary>
    /// <param name="policy">By which the groups are resolved.</param>
    /// <param name="who">A subject; <c>service</c> for the client alone.</param>
    /// <param name="client">Through which client.</param>
    /// <param name="lacksGroups">Whether the provider said that these are not all groups.</param>
    public static PolicyCaller Caller(PolicySet policy, string who, string client = "editor", bool lacksGroups = false)
    {
        if (who == "service")
        {
            return new PolicyCaller(client, client) { IsService = true, Groups = Set(policy.Groups.OfService(client)) };
        }

        var (email, said) = People[who];
        return new PolicyCaller(who, client) { Provider = "demo", Email = email, Groups = Set(policy.Groups.OfPerson(who, email, said)), LacksGroups = lacksGroups };
    }

    /// <summary><c>name</c>, <c>name (read-only)</c>, <c>name (harmless)</c>, <c>resource:address</c> or <c>prompt:name</c>.</summary>
    public static PolicyTarget Target(string text) =>
        text.StartsWith("resource:", StringComparison.Ordinal) ? new(PolicyTargetKind.Resource, text["resource:".Length..])
        : text.StartsWith("prompt:", StringComparison.Ordinal) ? new(PolicyTargetKind.Prompt, text["prompt:".Length..])
        : text.Split(' ', 2) is [var name, var hints] ? new(PolicyTargetKind.Tool, name)
        {
            ReadOnly = hints is "(read-only)" or "(both)" ? true : hints is "(harmless)" ? false : null,
            Destructive = hints is "(harmless)" ? false : hints is "(destructive)" or "(both)" ? true : null,
        }
        : new(PolicyTargetKind.Tool, text);

    public static readonly IReadOnlyDictionary<string, (string? Email, string[] Said)> People = new Dictionary<string, (string?, string[])>
    {
        ["anna"] = ("anna@example.com", ["Engineering", "staff"]),
        ["ben"] = ("Ben@Example.org", ["staff"]),
        ["carl"] = ("carl@example.net", []),
        ["dora"] = (null, ["engineering"]), // her address is not verified
        ["eve"] = ("anna@example.com.evil.example", ["developers", "claim:Engineering", "subject:anna"]),
    };

    private static HashSet<string> Set(IEnumerable<(string Group, string Because)> groups) => groups.Select(group => group.Group).ToHashSet(StringComparer.OrdinalIgnoreCase);
}
