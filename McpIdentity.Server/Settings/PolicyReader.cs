using System.Globalization;

namespace McpIdentity.Server.Settings;

/// <summary>
/// Reads groups and rules, from the settings or from a document of their own. Each member is a list or one text with commas. One
/// that says nothing is a problem and not an absent one: it would match everything.
/// </summary>
/// <param name="into">Where what was read goes, and what could not be.</param>
internal sealed class PolicyReader(PolicyOptions into)
{
    // Each look into a configuration goes through all of its keys.
    private const int MaxRules = 1000;
    private const int MaxGroups = 1000;

    private static readonly string[] InDocument = ["$schema", nameof(PolicyOptions.Groups), nameof(PolicyOptions.Rules)];
    private static readonly string[] InRule = [.. new PolicyRuleOptions().Members.Select(member => member.Name), nameof(PolicyRuleOptions.Effect)];

    public void Read(IConfiguration document)
    {
        CheckNames(document, into.Title ?? "", InDocument);
        ReadGroups(document.GetSection(nameof(PolicyOptions.Groups)));
        ReadRules(document.GetSection(nameof(PolicyOptions.Rules)));
    }

    private void ReadGroups(IConfigurationSection groups)
    {
        if (groups.Value is { Length: > 0 })
        {
            into.Problems.Add($"{PlaceOf(groups)} is a text: write an object with a member for each group.");
        }

        var sections = groups.GetChildren().ToList();
        if (sections.Count > MaxGroups)
        {
            into.Problems.Add($"{PlaceOf(groups)}: there are {sections.Count} groups; {MaxGroups} at most.");
            return;
        }

        foreach (var group in sections)
        {
            if (string.IsNullOrWhiteSpace(group.Key))
            {
                into.Problems.Add($"{PlaceOf(groups)} has a group without a name.");
            }
            else if (group.GetChildren().Any(IsNoText))
            {
                into.Problems.Add($"{PlaceOf(group)} is no list of texts. The name of a group has no colon.");
            }
            else if (Entries(group, PlaceOf(group), "name its members") is { } entries)
            {
                into.Groups[group.Key] = entries;
            }
        }
    }

    private void ReadRules(IConfigurationSection rules)
    {
        if (rules.Value is { Length: > 0 })
        {
            into.Problems.Add($"{PlaceOf(rules)} is a text: write a list of objects.");
        }

        var sections = rules.GetChildren().ToList();
        if (sections.Count > MaxRules)
        {
            into.Problems.Add($"{PlaceOf(rules)}: there are {sections.Count} rules; {MaxRules} at most.");
            return;
        }

        foreach (var section in sections)
        {
            if (!int.TryParse(section.Key, NumberStyles.None, CultureInfo.InvariantCulture, out _))
            {
                into.Problems.Add($"{PlaceOf(rules)} has {section.Key}, and is a list of objects: their order decides.");
                continue;
            }

            var rule = new PolicyRuleOptions { Place = PlaceOf(section), Effect = section[nameof(PolicyRuleOptions.Effect)] };
            CheckNames(section, rule.Place, InRule);
            // By the keys that there are: a member is absent only where it has none.
            foreach (var member in section.GetChildren())
            {
                if (InRule.FirstOrDefault(name => name.Equals(member.Key, StringComparison.OrdinalIgnoreCase)) is not (null or nameof(PolicyRuleOptions.Effect)) and var name)
                {
                    // What cannot be read stays as an empty list, which matches nobody.
                    Set(rule, name, Entries(member, $"{rule.Place}{(into.Title is null ? ":" : ", ")}{name}", "leave it out if it should match everything") ?? []);
                }
            }

            into.Rules.Add(rule);
        }
    }

    private static void Set(PolicyRuleOptions rule, string member, IList<string> entries)
    {
        switch (member)
        {
            case nameof(PolicyRuleOptions.Groups): rule.Groups = entries; break;
            case nameof(PolicyRuleOptions.Users): rule.Users = entries; break;
            case nameof(PolicyRuleOptions.Clients): rule.Clients = entries; break;
            case nameof(PolicyRuleOptions.Servers): rule.Servers = entries; break;
            case nameof(PolicyRuleOptions.Tools): rule.Tools = entries; break;
            case nameof(PolicyRuleOptions.Scopes): rule.Scopes = entries; break;
            default: throw new ArgumentOutOfRangeException(nameof(member), member, "A rule has no such list.");
        }
    }

    private string[]? Entries(IConfigurationSection section, string place, string advice)
    {
        var words = (section.Value ?? "").Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        var items = section.GetChildren().ToList();
        string[] entries = items.Count == 0 ? words : [.. items.Select(item => (item.Value ?? "").Trim())];
        var problem = items.Any(IsNoText) ? "is no list of texts."
            : entries.Length == 0 || entries.Any(entry => entry.Length == 0) ? $"says nothing, or has an entry that says nothing: {advice}."
            // The start has made a list of a text with commas already.
            : words.Length > 0 && !words.SequenceEqual(entries) ? "is a text in one place and a list in another: say it once."
            : null;
        if (problem is not null)
        {
            into.Problems.Add($"{place} {problem}");
            return null;
        }

        return entries;
    }

    private static bool IsNoText(IConfigurationSection item) => item.Value is null && item.GetChildren().Any();

    private void CheckNames(IConfiguration section, string place, string[] known)
    {
        if (into.Title is not null) // of the settings ConfigurationProblems says it
        {
            foreach (var child in section.GetChildren().Where(child => !known.Contains(child.Key, StringComparer.OrdinalIgnoreCase)))
            {
                into.Problems.Add($"{place}: {child.Key} is nothing that a {(known == InRule ? "rule" : "policy")} has. There are {string.Join(", ", known.Where(name => name[0] != '$'))}.");
            }
        }
    }

    private string PlaceOf(IConfigurationSection section) =>
        into.Title is null ? section.Path
        : section.Path.Split(':') is [nameof(PolicyOptions.Rules), var index] && int.TryParse(index, out var number) ? $"{into.Title}, rule {number + 1}"
        : section.Path.Split(':') is [nameof(PolicyOptions.Groups), var group] ? $"{into.Title}, group {group}"
        : $"{into.Title}, {section.Path}";
}
