using McpIdentity.Server.Federation;
using McpIdentity.Server.Settings;

namespace McpIdentity.Server.Policy;

/// <summary>Somebody about whom a policy can be asked.</summary>
/// <param name="Name">As an operator knows them.</param>
/// <param name="Person">Null for a client that speaks for itself.</param>
/// <param name="ClientId">Through which client.</param>
internal sealed record PolicySample(string Name, VouchedPerson? Person, string ClientId);

/// <summary>One question that another policy answers differently.</summary>
internal sealed record PolicyChange(PolicySample Who, string Server, PolicyTarget Target, PolicyDecision Before, PolicyDecision After);

/// <summary>What can be asked about: of every pattern in the rules one name that it matches, and one that no rule names.</summary>
internal static class PolicySamples
{
    /// <summary>As a server, client or tool is called that no rule names. Nothing real has such a name.</summary>
    public const string Other = "(any other)";

    /// <summary>The clients that rules name, and one that they do not.</summary>
    public static IReadOnlyList<string> Clients(IReadOnlyCollection<PolicySet> policies) =>
    [
        .. RulesOf(policies).SelectMany(rule => rule.Clients ?? []).Where(entry => !entry.StartsWith(PolicyRule.Service, StringComparison.Ordinal)).Append(Other).Distinct(),
    ];

    /// <summary>The services that rules and groups name, and one that they do not.</summary>
    public static IReadOnlyList<string> Services(IReadOnlyCollection<PolicySet> policies) =>
    [
        .. RulesOf(policies).SelectMany(rule => rule.Clients ?? []).Select(entry => entry.StartsWith(PolicyRule.Service, StringComparison.Ordinal) ? entry[PolicyRule.Service.Length..] : entry)
            .Concat(policies.SelectMany(policy => policy.Documents).SelectMany(document => document.Groups.Values).SelectMany(entries => entries)
                .Where(entry => entry.StartsWith(Protocol.Scope.Client, StringComparison.Ordinal)).Select(entry => entry[Protocol.Scope.Client.Length..]))
            .Append(Other).Distinct(),
    ];

    // Those that there are, as they are written; a pattern is a name that it matches itself.
    public static IReadOnlyList<string> Servers(IReadOnlyCollection<PolicySet> policies, IEnumerable<string> more) =>
        [.. more.Concat(RulesOf(policies).SelectMany(rule => rule.Servers ?? [])).Append(Other).Distinct(StringComparer.OrdinalIgnoreCase)];

    // A tool that the catalogue knows has its annotations; the same name in a rule has none.
    public static IReadOnlyList<PolicyTarget> Targets(IReadOnlyCollection<PolicySet> policies, IEnumerable<PolicyTarget> known, IEnumerable<string> tools) =>
    [
        .. known.Concat(RulesOf(policies).SelectMany(rule => rule.Tools ?? []).Select(ToolEntry.Parse).OfType<ToolEntry>().Select(TargetOf))
            .Concat(tools.Select(tool => new PolicyTarget(PolicyTargetKind.Tool, tool)))
            .Append(new PolicyTarget(PolicyTargetKind.Tool, Other)).Append(new PolicyTarget(PolicyTargetKind.Resource, Other)).Append(new PolicyTarget(PolicyTargetKind.Prompt, Other))
            .DistinctBy(target => (target.Kind, target.Name)),
    ];

    private static PolicyTarget TargetOf(ToolEntry entry) => entry.Annotation switch
    {
        ToolAnnotation.ReadOnly => new PolicyTarget(PolicyTargetKind.Tool, $"{Other} read-only") { ReadOnly = true },
        ToolAnnotation.Destructive => new PolicyTarget(PolicyTargetKind.Tool, $"{Other} harmless") { Destructive = false }, // what is destructive is any other
        _ => new PolicyTarget(entry.Kind, entry.Name.Text),
    };

    private static IEnumerable<PolicyRuleOptions> RulesOf(IEnumerable<PolicySet> policies) => policies.SelectMany(policy => policy.Rules).Select(rule => rule.Written);
}
