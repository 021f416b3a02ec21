using System.Runtime.CompilerServices;
using System.Text;
using McpIdentity.Mcp.Audit;
using McpIdentity.Migrations;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Administration.Api;
using McpIdentity.Server.Federation;
using McpIdentity.Server.Gateway;
using McpIdentity.Server.Policy;
using McpIdentity.Server.Sessions;
using Microsoft.EntityFrameworkCore;

namespace McpIdentity.Server.Administration;

/// <summary>What is in force, in its order.</summary>
/// <param name="Version">The stored version that is part of it; 0: none.</param>
/// <param name="Problem">Why it is not what was written last; null: it is.</param>
internal sealed record PolicyView(long Version, string? Problem, IReadOnlyList<PolicyLine> Rules, IReadOnlyList<PolicyLine> Groups);

/// <summary>A rule or a group.</summary>
/// <param name="Place">Where it stands.</param>
/// <param name="Says">What it says, as somebody would write it.</param>
internal sealed record PolicyLine(string Place, string Says);

/// <summary>A policy that was applied.</summary>
/// <param name="Version">Its number.</param>
/// <param name="AppliedAt">When.</param>
/// <param name="By">By whom.</param>
/// <param name="Note">Why.</param>
/// <param name="InForce">Whether it is in force.</param>
internal sealed record PolicyVersionView(long Version, DateTimeOffset AppliedAt, string By, string? Note, bool InForce)
{
    /// <summary>As it was handed in; only where one version is asked for.</summary>
    public string? Document { get; init; }
}

/// <summary>A policy that is valid.</summary>
/// <param name="Rules">How many rules there are.</param>
/// <param name="Warnings">What is odd.</param>
internal sealed record PolicyCheckView(int Rules, IReadOnlyList<string> Warnings);

/// <summary>A document that is only proposed.</summary>
/// <param name="Document">Groups and rules, as JSON.</param>
/// <param name="AsFile">Whether it would take the place of that of <c>Policy:File</c>, instead of the one that was applied last.</param>
internal sealed record PolicyProposal(byte[] Document, bool AsFile = false);

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

/// <summary>Whether somebody may do something. One of tool, resource and prompt; a person, a client, or both.</summary>
internal sealed record PolicyQuestion(string Server)
{
    public string? User { get; init; }

    public string? Client { get; init; }

    public string? Tool { get; init; }

    public string? Resource { get; init; }

    public string? Prompt { get; init; }

    /// <summary>What the tool says of itself; with neither, what the catalogue knows.</summary>
    public bool? ReadOnly { get; init; }

    public bool? Destructive { get; init; }
}

/// <summary>What the policy says.</summary>
/// <param name="Effect"><c>allow</c>, <c>ask</c> or <c>deny</c>.</param>
/// <param name="Rule">Which rule decides.</param>
/// <param name="Says">What that rule says; null where none matched.</param>
/// <param name="NeverSignedIn">Judged by the address alone, and by no group of a provider.</param>
/// <param name="Groups">In which groups they are.</param>
/// <param name="Why">The same, each with the entry that says so.</param>
/// <param name="LacksGroups">Whether the provider did not say all.</param>
/// <param name="Scopes">What can be granted there; null: all.</param>
internal sealed record PolicyTestView(
    string Effect, string Rule, string? Says, string? Subject, string? ClientId, string Server, string Kind, string Name, bool? ReadOnly, bool? Destructive, bool IsAmbiguous, bool IsService, bool NeverSignedIn,
    IReadOnlyList<string> Groups, IReadOnlyList<string> Why, bool LacksGroups, IReadOnlyList<string>? Scopes);

/// <summary>Who may do what at the servers behind this one.</summary>
internal sealed class PolicyActs(
    McpIdentityDbContext db, StoredPolicies stored, PolicyFeed feed, PolicyInForce inForce, PolicyDryRun dryRun, TrustedProviders trusted, SignInProviders providers, LongWork work,
    IServiceProvider services, OperatorRecord record)
{
    private const int PeopleAtOnce = 1000;

    /// <summary>How many changes the API and the command line show.</summary>
    public const int MaxChanges = 5000;

    /// <summary>What is in force.</summary>
    public async Task<PolicyView> ShowAsync(CancellationToken cancellationToken)
    {
        await ReadAsync(cancellationToken);
        var policy = inForce.Current;
        return new PolicyView(
            inForce.Version, inForce.Problem, [.. policy.Rules.Select(rule => new PolicyLine(rule.Written.Place, PolicyText.Of(rule.Written)))],
            [.. policy.Documents.SelectMany(document => document.Groups.Select(group => new PolicyLine(document.Title is null ? $"Policy:Groups:{group.Key}" : $"{document.Title}, group {group.Key}", string.Join(", ", group.Value))))]);
    }

    /// <summary>The rules in force that speak of a server, in their order.</summary>
    public IReadOnlyList<PolicyLine> RulesAt(string server) => [.. inForce.Current.Rules.Where(rule => rule.SpeaksOf(server)).Select(rule => new PolicyLine(rule.Written.Place, PolicyText.Of(rule.Written)))];

    /// <summary>What was applied, the newest first.</summary>
    public async Task<AdminPage<PolicyVersionView>> VersionsAsync(Slice slice, CancellationToken cancellationToken)
    {
        var newest = await db.PolicyVersions.MaxAsync(version => (long?)version.Id, cancellationToken);
        var before = long.TryParse(slice.After, System.Globalization.CultureInfo.InvariantCulture, out var last) ? last : long.MaxValue;
        var rows = await db.PolicyVersions.AsNoTracking().Where(version => version.Id < before).OrderByDescending(version => version.Id).Take(slice.OneMore)
            .Select(version => new PolicyVersionView(version.Id, version.At, version.Actor, version.Note, version.Id == newest)).ToListAsync(cancellationToken);
        return slice.Of(rows, version => version.Version.ToString(System.Globalization.CultureInfo.InvariantCulture));
    }

    /// <summary>One of them, with its document.</summary>
    public async Task<Outcome<PolicyVersionView>> FindVersionAsync(long number, CancellationToken cancellationToken)
    {
        var newest = await db.PolicyVersions.MaxAsync(version => (long?)version.Id, cancellationToken);
        return await stored.FindAsync(number, cancellationToken) is { } version ? ViewOf(version, version.Id == newest) with { Document = version.Document } : NoVersion(number);
    }

    /// <summary>Says what is odd about a policy that is valid: the one in force, or a proposed one.</summary>
    public async Task<Outcome<PolicyCheckView>> CheckAsync(PolicyProposal? proposal, CancellationToken cancellationToken)
    {
        await ReadAsync(cancellationToken);
        var (policy, problem) = PolicyOf(proposal);
        return (problem ?? (proposal is null && inForce.Problem is { } wrong ? Invalid([wrong]) : null)) is { } refusal ? refusal
            : new PolicyCheckView(policy!.Rules.Count, [.. PolicyCheck.Warnings(policy, inForce.Servers), .. await UnknownGroupsAsync(policy, cancellationToken)]);
    }

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
        await ReadAsync(cancellationToken);
        var (policy, problem) = PolicyOf(proposal);
        if (problem is not null)
        {
            return problem;
        }

        var named = new List<(string Name, VouchedPerson Person)>();
        foreach (var wanted in users)
        {
            var (person, nobody) = await PersonAsync(wanted, cancellationToken);
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

        var title = TitleOf(proposal);
        var replaced = inForce.Current.Documents.FirstOrDefault(document => document.Title == title);
        PolicySet[] both = [inForce.Current, policy!];
        var (clients, unnamed) = (PolicySamples.Clients(both), PolicySamples.Services(both));
        var comparison = dryRun.Compare(both[0], both[1], [.. inForce.Servers, .. servers], await KnownTools.ReadAsync(services, cancellationToken), tools);
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

    /// <summary>Puts a document in force, on every node within seconds.</summary>
    /// <returns>The version, and what is odd about it.</returns>
    public async Task<Outcome<(PolicyVersionView Version, IReadOnlyList<string> Warnings)>> ApplyAsync(Operator by, byte[] document, string? note, CancellationToken cancellationToken)
    {
        await ReadAsync(cancellationToken);
        return await ApplyAsync(by, document, note, "policy_applied", cancellationToken);
    }

    /// <summary>Applies an earlier version again, as a new one.</summary>
    /// <inheritdoc cref="ApplyAsync(Operator, byte[], string?, CancellationToken)"/>
    public async Task<Outcome<(PolicyVersionView Version, IReadOnlyList<string> Warnings)>> RollbackAsync(Operator by, long number, CancellationToken cancellationToken)
    {
        await ReadAsync(cancellationToken);
        return await stored.FindAsync(number, cancellationToken) is { } version
            ? await ApplyAsync(by, Encoding.UTF8.GetBytes(version.Document), $"as version {number}", "policy_rolled_back", cancellationToken)
            : NoVersion(number);
    }

    /// <summary>Says whether somebody may do something, by which rule, and in which groups they are.</summary>
    /// <param name="question">Who, what, where.</param>
    /// <param name="proposal">By a policy that is only proposed; null: by what is in force.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    public async Task<Outcome<PolicyTestView>> TestAsync(PolicyQuestion question, PolicyProposal? proposal, CancellationToken cancellationToken)
    {
        if (((string?[])[question.Tool, question.Resource, question.Prompt]).Count(named => named is not null) != 1 || (question.User ?? question.Client) is null)
        {
            return AdminProblem.Invalid(("tool", "Name one of tool, resource and prompt."), ("user", "Name a user, a client, or both."));
        }

        await ReadAsync(cancellationToken);
        var (policy, problem) = PolicyOf(proposal);
        if (problem is not null)
        {
            return problem;
        }

        var (found, nobody) = question.User is { } wanted ? await PersonAsync(wanted, cancellationToken) : default;
        if (nobody is not null)
        {
            return nobody;
        }

        var clientId = question.Client is { } client ? await ClientIdAsync(client, cancellationToken) : null;
        var target = question.Resource is { } resource ? new PolicyTarget(PolicyTargetKind.Resource, resource)
            : question.Prompt is { } prompt ? new PolicyTarget(PolicyTargetKind.Prompt, prompt)
            : await ToolAsync(question, cancellationToken);
        var answer = dryRun.Ask(policy!, found?.Person, clientId, question.Server, target);
        var groups = answer.Groups.GroupBy(group => group.Group, StringComparer.OrdinalIgnoreCase).ToList();
        return new PolicyTestView(
            answer.Decision.Effect.ToString().ToLowerInvariant(), answer.Decision.Rule, answer.Rule is null ? null : PolicyText.Of(answer.Rule), answer.Caller.Subject, clientId, question.Server,
            target.Kind.ToString().ToLowerInvariant(), target.Name, target.ReadOnly, target.Destructive, target.IsAmbiguous, answer.Caller.IsService, found is { HasSignedIn: false },
            [.. groups.Select(group => group.Key).Order()], [.. groups.Select(group => $"{group.Key} ({string.Join(", ", group.Select(entry => entry.Because))})").Order()], answer.Caller.LacksGroups, answer.Scopes);
    }

    // The running program knows both by itself within seconds; a verb looks now.
    private async Task ReadAsync(CancellationToken cancellationToken)
    {
        await services.LoadStoredServersAsync(cancellationToken);
        await feed.LoadAsync(cancellationToken);
    }

    private async Task<Outcome<(PolicyVersionView Version, IReadOnlyList<string> Warnings)>> ApplyAsync(Operator by, byte[] document, string? note, string act, CancellationToken cancellationToken)
    {
        var (applied, problems) = await stored.ApplyAsync(document, by.Name, note, cancellationToken);
        if (applied is null)
        {
            return Invalid([.. problems, "Nothing was applied."]);
        }

        await record.WriteAsync(by, SecurityEvent.Success(act) with { Reason = $"version {applied.Id}{(applied.Note is null ? "" : $": {applied.Note}")}" });
        return new((ViewOf(applied, isInForce: true), [.. PolicyCheck.Warnings(inForce.Current, inForce.Servers)]), null);
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
                yield return (user.Email ?? user.Name ?? user.Id, Of(user));
            }

            last = page.Count == PeopleAtOnce ? page[^1].Id : null;
        }
        while (last is not null);
    }

    private static PolicyDifference DecisionOf(PolicyChange change) => new(
        "decision", change.After.Rule, null, change.Who.Name, change.Who.ClientId, change.Server,
        $"{(change.Target.Kind == PolicyTargetKind.Tool ? "" : change.Target.Kind.ToString().ToLowerInvariant() + ":")}{change.Target.Name}",
        $"{change.Before.Effect} -> {change.After.Effect}".ToLowerInvariant());

    private Outcome<PolicySet> PolicyOf(PolicyProposal? proposal)
    {
        if (proposal is null)
        {
            return inForce.Current;
        }

        var proposed = PolicyDocument.Parse(TitleOf(proposal), proposal.Document);
        string[] problems = [.. PolicyCheck.Problems(proposed, inForce.Above(proposal.AsFile))];
        return problems.Length > 0 ? Invalid(problems) : inForce.With(proposed, proposal.AsFile);
    }

    private async Task<Outcome<(VouchedPerson Person, bool HasSignedIn)?>> PersonAsync(string wanted, CancellationToken cancellationToken)
    {
        var found = await OperatorNames.UsersAsync(db, wanted, cancellationToken);
        if (found.Count == 0 && wanted.Contains('@', StringComparison.Ordinal))
        {
            return new((new VouchedPerson(null, providers.All.Select(provider => provider.Id).Append(DemoProvider.Name).FirstOrDefault(trusted.Include), wanted, true), false), null);
        }

        var (user, problem) = await OperatorNames.UserAsync(db, wanted, cancellationToken);
        return problem is null ? new Outcome<(VouchedPerson Person, bool HasSignedIn)?>((Of(user!), true), null) : problem;
    }

    // One that is registered under that name, or the id as it stands: it may come some day.
    private async Task<string> ClientIdAsync(string wanted, CancellationToken cancellationToken) =>
        await OperatorNames.ClientsAsync(db, wanted, cancellationToken) is [var only] ? only.ClientId! : wanted;

    // Whoever says one of the two says what there is to say of the tool; else it is what the catalogue knows.
    private async Task<PolicyTarget> ToolAsync(PolicyQuestion question, CancellationToken cancellationToken)
    {
        var tool = new PolicyTarget(PolicyTargetKind.Tool, question.Tool!) { ReadOnly = question.ReadOnly, Destructive = question.Destructive };
        return tool is { ReadOnly: null, Destructive: null }
            ? (await KnownTools.ReadAsync(services, cancellationToken))[question.Server].FirstOrDefault(known => known.Name == tool.Name) ?? tool
            : tool;
    }

    // A name that no document defines is one of a provider; where nobody who has signed in is in it, it may be misspelled.
    private async Task<IEnumerable<string>> UnknownGroupsAsync(PolicySet policy, CancellationToken cancellationToken)
    {
        var undefined = policy.Rules.SelectMany(rule => (rule.Written.Groups ?? []).Where(group => !policy.Groups.Define(group)).Select(group => (rule.Written.Place, Group: group))).ToList();
        if (undefined.Count == 0)
        {
            return [];
        }

        var said = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        await foreach (var groups in db.Users.Where(user => user.Groups != null).Select(user => user.Groups).Distinct().AsAsyncEnumerable().WithCancellation(cancellationToken))
        {
            said.UnionWith(SaidGroups.Parse(groups));
        }

        return undefined.Where(pair => !said.Contains(pair.Group)).Select(pair => $"{pair.Place} names the group '{pair.Group}', which Groups does not define, and which no sign-in provider has said of anybody yet.");
    }

    private static VouchedPerson Of(User user) => new(user.Id, user.Provider, user.Email, user.EmailVerified) { Groups = SaidGroups.Parse(user.Groups) };

    private static string TitleOf(PolicyProposal proposal) => proposal.AsFile ? PolicyDocument.File : PolicyDocument.Stored;

    private static PolicyVersionView ViewOf(PolicyVersion version, bool isInForce) => new(version.Id, version.At, version.Actor, version.Note, isInForce);

    private static AdminProblem NoVersion(long number) => new("policy_version_not_found", StatusCodes.Status404NotFound, $"There is no version {number}. 'policy versions' shows which there are.");

    private static AdminProblem Invalid(string[] problems) => new("policy_invalid", StatusCodes.Status422UnprocessableEntity, string.Join('\n', problems))
    {
        Errors = new Dictionary<string, string[]> { ["document"] = problems },
    };
}
