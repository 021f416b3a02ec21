namespace McpIdentity.Server.Policy;

/// <summary>
/// What another policy would decide differently, of one caller after the other. The work is a product of what somebody proposes and of what
/// is stored, so it is counted, and ends where it is too much.
/// </summary>
/// <param name="decisions">Who is in which group.</param>
/// <param name="before">In force.</param>
/// <param name="after">Proposed.</param>
/// <param name="servers">At which servers, beside those that the rules name.</param>
/// <param name="known">For which tools of each server, beside those that the rules name.</param>
/// <param name="tools">For which tools everywhere.</param>
internal sealed class PolicyComparison(PolicyDecisions decisions, PolicySet before, PolicySet after, IEnumerable<string> servers, ILookup<string, PolicyTarget> known, IReadOnlyCollection<string> tools)
{
    // Rules that are asked, and entries of them: some seconds.
    private const long MaxWork = 100_000_000;

    private readonly IReadOnlyList<string> _places = PolicySamples.Servers([before, after], servers);
    private readonly IReadOnlyList<PolicyTarget> _anywhere = PolicySamples.Targets([before, after], [], tools);
    private readonly long _once = WeightOf(before) + WeightOf(after);

    // What is decided hangs on which rules speak of the caller at the server: of many people few answers are different.
    private readonly Dictionary<(string Server, string Before, string After), List<(PolicyTarget Target, PolicyDecision Before, PolicyDecision After)>> _compared = [];
    private long _work;

    /// <summary>Whether it was too much: of the last caller, and of those after, not all was compared.</summary>
    public bool IsPartial { get; private set; }

    /// <summary>What is decided differently of one caller.</summary>
    public IEnumerable<PolicyChange> Of(PolicySample who, CancellationToken cancellationToken)
    {
        var (callerBefore, callerAfter) = (decisions.CallerOf(before, who.Person, who.ClientId), decisions.CallerOf(after, who.Person, who.ClientId));
        _work += callerBefore.Groups.Count + callerAfter.Groups.Count;
        foreach (var server in _places)
        {
            if (!MayGoOn(cancellationToken))
            {
                yield break;
            }

            var rules = (server, Concerning(before, callerBefore, server), Concerning(after, callerAfter, server));
            if (!_compared.TryGetValue(rules, out var changes))
            {
                changes = [];
                foreach (var target in known.Contains(server) ? PolicySamples.Targets([before, after], known[server], tools) : _anywhere)
                {
                    if (!MayGoOn(cancellationToken))
                    {
                        yield break;
                    }

                    var (was, becomes) = (before.Decide(callerBefore, server, target), after.Decide(callerAfter, server, target));
                    if (was.Effect != becomes.Effect)
                    {
                        changes.Add((target, was, becomes));
                    }
                }

                _compared.Add(rules, changes);
            }

            foreach (var (target, was, becomes) in changes)
            {
                yield return new PolicyChange(who, server, target, was, becomes);
            }
        }
    }

    private bool MayGoOn(CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        IsPartial |= _work >= MaxWork;
        _work += _once;
        return !IsPartial;
    }

    private static long WeightOf(PolicySet policy) => 1 + policy.Rules.Sum(rule => 1L + rule.Written.Members.Sum(member => member.Entries?.Count ?? 0));

    // A bit for each rule.
    private static string Concerning(PolicySet policy, PolicyCaller caller, string server)
    {
        var bits = new char[(policy.Rules.Count + 15) / 16];
        for (var i = 0; i < policy.Rules.Count; i++)
        {
            if (policy.Rules[i].Concerns(caller, server))
            {
                bits[i / 16] |= (char)(1 << (i % 16));
            }
        }

        return new string(bits);
    }
}
