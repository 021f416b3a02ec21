using McpIdentity.Server.Settings;

namespace McpIdentity.Server.Policy;

/// <summary>What one document has and another has not, in the words in which it is written.</summary>
internal static class PolicyTextDiff
{
    /// <returns>Each rule and group that came, went, moved or became another.</returns>
    public static IEnumerable<(string Change, string Place, string Text)> Of(PolicyOptions? before, PolicyOptions after)
    {
        var (old, proposed) = (Rules(before), Rules(after));
        var kept = LongestCommon(old, proposed);
        var (gone, came) = (Without(old, kept), Without(proposed, kept));
        foreach (var (rule, text) in gone)
        {
            yield return (came.Any(other => other.Text == text) ? "moved from" : "removed", rule.Place, text);
        }

        foreach (var (rule, text) in came)
        {
            yield return (gone.Any(other => other.Text == text) ? "moved to" : "added", rule.Place, text);
        }

        var groups = before?.Groups ?? new Dictionary<string, IList<string>>();
        foreach (var (name, entries) in groups.Where(group => !after.Groups.ContainsKey(group.Key)))
        {
            yield return ("removed", $"group {name}", string.Join(", ", entries));
        }

        foreach (var (name, entries) in after.Groups)
        {
            if (!groups.TryGetValue(name, out var were))
            {
                yield return ("added", $"group {name}", string.Join(", ", entries));
            }
            else if (!were.ToHashSet().SetEquals(entries))
            {
                yield return ("changed", $"group {name}", string.Join(", ", were.Except(entries).Select(entry => $"-{entry}").Concat(entries.Except(were).Select(entry => $"+{entry}"))));
            }
        }
    }

    private static List<(PolicyRuleOptions Rule, string Text)> Rules(PolicyOptions? document) => [.. (document?.Rules ?? []).Select(rule => (rule, PolicyText.Of(rule)))];

    private static List<(PolicyRuleOptions Rule, string Text)> Without(List<(PolicyRuleOptions Rule, string Text)> rules, string[] kept)
    {
        var left = new Queue<string>(kept);
        var others = new List<(PolicyRuleOptions Rule, string Text)>();
        foreach (var rule in rules)
        {
            if (left.TryPeek(out var next) && next == rule.Text)
            {
                left.Dequeue();
            }
            else
            {
                others.Add(rule);
            }
        }

        return others;
    }

    private static string[] LongestCommon(List<(PolicyRuleOptions Rule, string Text)> one, List<(PolicyRuleOptions Rule, string Text)> other)
    {
        var lengths = new int[one.Count + 1, other.Count + 1];
        for (var i = one.Count - 1; i >= 0; i--)
        {
            for (var j = other.Count - 1; j >= 0; j--)
            {
                lengths[i, j] = one[i].Text == other[j].Text ? lengths[i + 1, j + 1] + 1 : Math.Max(lengths[i + 1, j], lengths[i, j + 1]);
            }
        }

        var common = new List<string>();
        for (var (i, j) = (0, 0); i < one.Count && j < other.Count;)
        {
            if (one[i].Text == other[j].Text)
            {
                common.Add(one[i].Text);
                (i, j) = (i + 1, j + 1);
            }
            else if (lengths[i + 1, j] >= lengths[i, j + 1])
            {
                i++;
            }
            else
            {
                j++;
            }
        }

        return [.. common];
    }
}
