using McpIdentity.Server.Federation;
using McpIdentity.Server.Settings;

namespace McpIdentity.Server.Policy;

/// <summary>What would be decided, and why.</summary>
/// <param name="Caller">Who asked, with their groups.</param>
/// <param name="Decision">What is decided.</param>
/// <param name="Rule">The rule as it is written; null where none matched.</param>
/// <param name="Groups">Each group with the entry by which they are in it.</param>
/// <param name="Scopes">Which scopes of the server they can be granted; null: all.</param>
internal sealed record PolicyAnswer(
    PolicyCaller Caller, PolicyDecision Decision, PolicyRuleOptions? Rule, IReadOnlyList<(string Group, string Because)> Groups, IReadOnlyList<string>? Scopes);

/// <summary>Asks a policy, in force or only proposed, what it would decide: by the very code that decides.</summary>
internal sealed class PolicyDryRun(PolicyDecisions decisions)
{
    /// <param name="policy">By which.</param>
    /// <param name="person">Null for a client that speaks for itself.</param>
    /// <param name="clientId">Through which client.</param>
    /// <param name="server">At which fronted server.</param>
    /// <param name="target">What for.</param>
    public PolicyAnswer Ask(PolicySet policy, VouchedPerson? person, string? clientId, string server, PolicyTarget target)
    {
        var caller = decisions.CallerOf(policy, person, clientId);
        var decision = policy.Decide(caller, server, target);
        return new PolicyAnswer(
            caller,
            decision,
            policy.Rules.FirstOrDefault(rule => ReferenceEquals(rule.Decision, decision))?.Written,
            [.. decisions.GroupsOf(policy, person, clientId)],
            policy.ScopesAt(caller, server));
    }
}
