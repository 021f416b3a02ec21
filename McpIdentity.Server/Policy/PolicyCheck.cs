using McpIdentity.Migrations;
using McpIdentity.Server.Protocol;
using McpIdentity.Server.Settings;

namespace McpIdentity.Server.Policy;

/// <summary>What is wrong with a policy, and what is odd about it: all of it, each with its place.</summary>
internal static class PolicyCheck
{
    private const int MaxEntries = 10_000;
    private const int MaxProblems = 100;
    private const int MaxProblem = 500;

    /// <summary>What makes a document unusable.</summary>
    /// <param name="document">What was read.</param>
    /// <param name="above">Those whose rules come before its own.</param>
    /// <returns>All, but of very many the first, and how many more there are.</returns>
    public static IEnumerable<string> Problems(PolicyOptions document, params IEnumerable<PolicyOptions> above)
    {
        // In them stands what a document has, however long it is and whatever is in it.
        string[] all = [.. AllProblems(document, above).Select(problem => StorableText.ForDisplay(problem, MaxProblem)!)];
        return all.Length <= MaxProblems ? all : [.. all.Take(MaxProblems), $"There are {all.Length - MaxProblems} more problems."];
    }

    /// <summary>What an operator should look at, and may have meant.</summary>
    /// <param name="policy">What would be in force.</param>
    /// <param name="servers">The fronted servers that are known.</param>
    public static IEnumerable<string> Warnings(PolicySet policy, IReadOnlyCollection<string> servers)
    {
        for (var later = 0; later < policy.Rules.Count; later++)
        {
            var rule = policy.Rules[later];
            if (policy.Rules.Take(later).FirstOrDefault(earlier => earlier.Covers(rule)) is { } earlier)
            {
                yield return $"{rule.Written.Place} can never match: {earlier.Written.Place} matches all that it does, and comes first.";
            }

            foreach (var server in (rule.Written.Servers ?? []).Where(entry => !servers.Any(new NamePattern(entry, StringComparison.OrdinalIgnoreCase).Matches)))
            {
                yield return $"{rule.Written.Place} names the server '{server}', and there is none of that name now.";
            }
        }
    }

    private static IEnumerable<string> AllProblems(PolicyOptions document, IEnumerable<PolicyOptions> above)
    {
        var spoken = above.SelectMany(PolicySet.NamesIn).ToHashSet(StringComparer.OrdinalIgnoreCase);
        var title = document.Title is null ? "" : $"{document.Title}, ";
        return [
            .. document.Problems,
            .. document.Groups.SelectMany(group => CheckGroup(group.Key, group.Value, document.Title is null ? $"Policy:Groups:{group.Key}" : $"{document.Title}, group {group.Key}")),
            .. document.Groups.Keys.Where(spoken.Contains).Select(group => $"{title}group {group} is spoken of by what comes before, which must mean there what it means now: choose another name."),
            .. document.Rules.SelectMany(CheckRule),
            .. document.Groups.Values.Concat(document.Rules.SelectMany(rule => rule.Members.Select(member => member.Entries ?? []))).Sum(entries => entries.Count) is > MaxEntries and var count
                ? [$"{title}groups and rules have {count} entries; {MaxEntries} at most."]
                : Array.Empty<string>(),
        ];
    }

    private static IEnumerable<string> CheckGroup(string name, IList<string> entries, string place)
    {
        if (name.Any(character => char.IsControl(character) || character == '*'))
        {
            yield return $"{place}: the name of a group has no control character and no *.";
        }

        foreach (var entry in entries.Where(entry => !PolicyGroups.IsEntry(entry)))
        {
            yield return $"{place} has '{entry}'; it is an e-mail address, @ and a domain, {Scope.Subject} and a person's sub, {Scope.Client} and a client's id, or {PolicyGroups.Claim} and what a sign-in provider calls a group.";
        }
    }

    private static IEnumerable<string> CheckRule(PolicyRuleOptions rule)
    {
        if (PolicyRule.ParseEffect(rule.Effect) is not { } effect)
        {
            yield return $"{Member(rule, nameof(rule.Effect))} is '{rule.Effect}'; allowed: allow, deny, ask.";
        }
        else if (effect == PolicyEffect.Deny && rule.Scopes is not null)
        {
            yield return $"{Member(rule, nameof(rule.Scopes))} has no meaning where the effect is deny.";
        }

        foreach (var entry in (rule.Users ?? []).Where(entry => !PersonEntry.Is(Scope.Subject, entry) && !PersonEntry.IsAddressOrDomain(entry)))
        {
            yield return $"{Member(rule, nameof(rule.Users))} has '{entry}'; it is an e-mail address, @ and a domain, or {Scope.Subject} and a person's sub.";
        }

        foreach (var entry in (rule.Groups ?? []).Where(entry => entry.Contains('*') || entry.StartsWith(PolicyGroups.Claim, StringComparison.Ordinal)))
        {
            yield return $"{Member(rule, nameof(rule.Groups))} has '{entry}'; it is the name of a group, as it stands in Groups or as a sign-in provider says it.";
        }

        foreach (var entry in (rule.Clients ?? []).Where(entry => entry == PolicyRule.Service))
        {
            yield return $"{Member(rule, nameof(rule.Clients))} has '{entry}'; a client's id follows, or *.";
        }

        foreach (var entry in (rule.Tools ?? []).Where(entry => ToolEntry.Parse(entry) is null))
        {
            yield return $"{Member(rule, nameof(rule.Tools))} has '{entry}'; it is the name of a tool, annotation:read-only, annotation:destructive, resource: and an address, or prompt: and a name. * stands for any text.";
        }

        if (rule.Scopes?.Contains("*") == true)
        {
            yield return $"{Member(rule, nameof(rule.Scopes))} has '*', which stands for nothing there: leave Scopes out, and all are meant.";
        }

        foreach (var entry in (rule.Scopes ?? []).Where(entry => !ResourceRules.IsScope(entry)))
        {
            yield return $"{Member(rule, nameof(rule.Scopes))} has '{entry}'; a scope is printable ASCII without spaces, quotes and backslashes (RFC 6749 §3.3).";
        }
    }

    private static string Member(PolicyRuleOptions rule, string name) => rule.Place + (rule.Place.Contains(", ", StringComparison.Ordinal) ? ", " : ":") + name;
}
