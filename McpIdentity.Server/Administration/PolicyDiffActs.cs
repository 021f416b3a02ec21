using System.Runtime.CompilerServices;
using McpIdentity.Migrations;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Federation;
using McpIdentity.Server.Policy;
using Microsoft.EntityFrameworkCore;

namespace McpIdentity.Server.Administration;

/// <summary>One thing that a proposed policy changes.</summary>
/// <param name="Change"><c>added</c>, <c>removed</c>, <c>moved from</c>, <c>moved to</c> of a rule or a group; <c>decision</c> of what somebody may do.</param>
/// <param name="Effect">As <c>allow -> deny</c>.</param>
internal sealed record PolicyDifference(string Change, string Place, string? Says, string? User, string? Client, string? Server, string? What, string? Effect);

/// <summary>What a proposed policy changes.</summary>
/// <param name="Changes">Rules and groups first, then what somebody may do.</param>
/// <param name="HasMore">Whether there are more than these, or may be: not everybody was compared.</param>
/// <param name="Compared">How many people and services were compared to the end.</param>
/// <param name="Callers">How many there are.</param>
internal sealed record PolicyDifferences(IReadOnlyList<PolicyDifference> Changes, bool HasMore, int Compared, int Callers)
{
    /// <summary>What is left out, in words; null: nothing.</summary>
    public string? SayLeftOut() => HasMore ? $"These are the first {Changes.Count} changes. {Compared} of {Callers} people and services were compared to the end: there may be more." : null;
}

/// <summary>What a proposed policy would change, before anybody applies it.</summary>
internal sealed class PolicyDiffActs(McpIdentityDbContext db, PolicyReading reading, PolicyInForce inForce, PolicyDecisions decisions, LongWork work, IServiceProvider services)
{
    private const int PeopleAtOnce = 1000;

    /// <summary>How many changes the API and the command line show.</summary>
    public const int MaxChanges = 5000;

    /// <summary>Says what a proposed policy would change: rule by rule, and of what whom it lets do.</summary>
    /// <param name="proposal">What is proposed.</param>
    /// <param name="users">Of these people only; none: of everybody who has signed in.</param>
    /// <param name="servers">At these servers too, beside those that there are and that the rules name.</param>
    /// <param name="tools">For these tools too.</param>
    /// <param name="max">How many at most: one rule can change something of everybody at every tool.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    public async Task<Outcome<PolicyDifferences>> DiffAsync(
        PolicyProposal proposal, IReadOnlyList<string> users, IReadOnlyList<string> servers, IReadOnlyCollection<string> tools, int max, CancellationToken cancellationToken)
    {
        await reading.ReadAsync(cancellationToken);
        var (policy, problem) = reading.PolicyOf(proposal);
        if (problem is not null)
        {
            return problem;
        }

        var named = new List<(string Name, VouchedPerson Person)>();
        foreach (var wanted in users)
        {
            var (person, nobody) = await reading.PersonAsync(wanted, cancellationToken);
            if (nobody is not null)
            {
                return nobody;
            }

            named.Add((wanted, person!.Value.Person));
        }

        using var turn = await work.PolicyDiff.TakeAsync(cancellationToken);
        if (turn is null)
        {
            return work.PolicyDiff.Refusal;
        }

        var title = PolicyReading.TitleOf(proposal);
        var replaced = inForce.Current.Documents.FirstOrDefault(document => document.Title == title);
        PolicySet[] both = [inForce.Current, policy!];
        var (clients, unnamed) = (PolicySamples.Clients(both), PolicySamples.Services(both));
        var comparison = new PolicyComparison(decisions, both[0], both[1], [.. inForce.Servers, .. servers], await KnownTools.ReadAsync(services, cancellationToken), tools);
        var people = (users.Count > 0 ? named.ToAsyncEnumerable() : EverybodyAsync(cancellationToken)).Select(person => clients.Select(client => new PolicySample(person.Name, person.Person, client)));
        var callers = people.Concat(unnamed.ToAsyncEnumerable().Select(client => (IEnumerable<PolicySample>)[new PolicySample($"service {client}", null, client)]));

        List<PolicyDifference> found = [.. PolicyTextDiff.Of(replaced, PolicyDocument.Parse(title, proposal.Document)).Select(change => new PolicyDifference(change.Change, change.Place, change.Text, null, null, null, null, null)).Take(max + 1)];
        var compared = 0;
        await foreach (var caller in callers.WithCancellation(cancellationToken))
        {
            found.AddRange(caller.SelectMany(sample => comparison.Of(sample, cancellationToken)).Take(max + 1 - found.Count).Select(DecisionOf)); // compared as far as they are taken
            if (found.Count > max || comparison.IsPartial)
            {
                break;
            }

            compared++;
        }

        var many = users.Count > 0 ? users.Count : await db.Users.CountAsync(cancellationToken);
        return new PolicyDifferences([.. found.Take(max)], found.Count > max || comparison.IsPartial, compared, many + unnamed.Count);
    }

    // However many there are, a page of them is in memory.
    private async IAsyncEnumerable<(string Name, VouchedPerson Person)> EverybodyAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        string? last = null;
        List<User> page;
        do
        {
            page = await db.Users.AsNoTracking().Where(user => last == null || string.Compare(user.Id, last) > 0).OrderBy(user => user.Id).Take(PeopleAtOnce).ToListAsync(cancellationToken);
            foreach (var user in page)
            {
                yield return (user.Email ?? user.Name ?? user.Id, PolicyReading.Of(user));
            }

            last = page.Count == PeopleAtOnce ? page[^1].Id : null;
        }
        while (last is not null);
    }

    private static PolicyDifference DecisionOf(PolicyChange change) => new(
        "decision", change.After.Rule, null, change.Who.Name, change.Who.ClientId, change.Server,
        $"{(change.Target.Kind == PolicyTargetKind.Tool ? "" : change.Target.Kind.ToString().ToLowerInvariant() + ":")}{change.Target.Name}",
        $"{change.Before.Effect} -> {change.After.Effect}".ToLowerInvariant());
}
