using System.Collections.Frozen;
using McpIdentity.Server.Settings;

namespace McpIdentity.Server.Policy;

/// <summary>All rules in their order, and all groups: what is in force at one moment. It never changes; another takes its place.</summary>
internal sealed class PolicySet
{
    /// <param name="documents">The first has the last word: of a group that several define, the first counts.</param>
    public PolicySet(params IReadOnlyList<PolicyOptions> documents)
    {
        Documents = documents;
        var groups = new Dictionary<string, IList<string>>(StringComparer.OrdinalIgnoreCase);
        var spoken = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        foreach (var document in documents)
        {
            foreach (var (name, entries) in document.Groups.Where(group => !spoken.Contains(group.Key)))
            {
                groups.Add(name, entries);
            }

            spoken.UnionWith(NamesIn(document));
        }

        Groups = new PolicyGroups(groups);
        Rules = [.. documents.SelectMany(document => document.Rules).Select(rule => new PolicyRule(rule, Groups))];
        NamedGroups = spoken.ToFrozenSet(StringComparer.OrdinalIgnoreCase);
    }

    public IReadOnlyList<PolicyOptions> Documents { get; }

    public IReadOnlyList<PolicyRule> Rules { get; }

    public PolicyGroups Groups { get; }

    /// <summary>The groups that any of it speaks of.</summary>
    public IReadOnlySet<string> NamedGroups { get; }

    /// <summary>
    /// The groups that a document speaks of, whether it defines them or leaves them to the providers: none that comes later says who
    /// is in them, for it would change what the rules before it mean.
    /// </summary>
    public static IEnumerable<string> NamesIn(PolicyOptions document) => document.Groups.Keys.Concat(document.Rules.SelectMany(rule => rule.Groups ?? []));

    /// <summary>The first rule that matches decides.</summary>
    public PolicyDecision Decide(PolicyCaller caller, string server, PolicyTarget target)
    {
        if (target.IsAmbiguous)
        {
            return PolicyDecision.Default;
        }

        foreach (var rule in Rules)
        {
            if (rule.Concerns(caller, server) && rule.Matches(target))
            {
                return rule.Decision;
            }
        }

        return PolicyDecision.Default;
    }

    /// <summary>Whether a rule could allow anything there.</summary>
    public bool MayReach(PolicyCaller caller, string server) => Opening(caller, server).Any();

    /// <summary>The scopes of the server that can be granted; null: all of them.</summary>
    public IReadOnlyList<string>? ScopesAt(PolicyCaller caller, string server)
    {
        var scopes = new List<string>();
        foreach (var rule in Opening(caller, server))
        {
            if (rule.Scopes is null)
            {
                return null;
            }

            scopes.AddRange(rule.Scopes);
        }

        return scopes;
    }

    // Up to a deny of everything: no rule behind it is ever asked.
    private IEnumerable<PolicyRule> Opening(PolicyCaller caller, string server) =>
        Rules.Where(rule => rule.Concerns(caller, server)).TakeWhile(rule => rule is not { Effect: PolicyEffect.Deny, IsOfEverything: true }).Where(rule => rule.Effect != PolicyEffect.Deny);
}
