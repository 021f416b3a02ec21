using System.Text;
using McpIdentity.Mcp.Audit;
using McpIdentity.Migrations;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Administration.Api;
using McpIdentity.Server.Persistence;
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
    McpIdentityDbContext db, PreparedSql sql, StoredPolicies stored, PolicyReading reading, PolicyInForce inForce, PolicyDryRun dryRun, IServiceProvider services, OperatorRecord record)
{
    /// <summary>What is in force.</summary>
    public async Task<PolicyView> ShowAsync(CancellationToken cancellationToken)
    {
        await reading.ReadAsync(cancellationToken);
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
        await reading.ReadAsync(cancellationToken);
        var (policy, problem) = reading.PolicyOf(proposal);
        return (problem ?? (proposal is null && inForce.Problem is { } wrong ? PolicyReading.Invalid([wrong]) : null)) is { } refusal ? refusal
            : new PolicyCheckView(policy!.Rules.Count, [.. PolicyCheck.Warnings(policy, inForce.Servers), .. await UnknownGroupsAsync(policy, cancellationToken)]);
    }

    /// <summary>Puts a document in force, on every node within seconds.</summary>
    /// <returns>The version, and what is odd about it.</returns>
    public async Task<Outcome<(PolicyVersionView Version, IReadOnlyList<string> Warnings)>> ApplyAsync(Operator by, byte[] document, string? note, CancellationToken cancellationToken)
    {
        await reading.ReadAsync(cancellationToken);
        return await ApplyAsync(by, document, note, "policy_applied", cancellationToken);
    }

    /// <summary>Applies an earlier version again, as a new one.</summary>
    /// <inheritdoc cref="ApplyAsync(Operator, byte[], string?, CancellationToken)"/>
    public async Task<Outcome<(PolicyVersionView Version, IReadOnlyList<string> Warnings)>> RollbackAsync(Operator by, long number, CancellationToken cancellationToken)
    {
        await reading.ReadAsync(cancellationToken);
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

        await reading.ReadAsync(cancellationToken);
        var (policy, problem) = reading.PolicyOf(proposal);
        if (problem is not null)
        {
            return problem;
        }

        var (found, nobody) = question.User is { } wanted ? await reading.PersonAsync(wanted, cancellationToken) : default;
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

    private async Task<Outcome<(PolicyVersionView Version, IReadOnlyList<string> Warnings)>> ApplyAsync(Operator by, byte[] document, string? note, string act, CancellationToken cancellationToken)
    {
        var (applied, problems) = await stored.ApplyAsync(document, by.Name, note, cancellationToken);
        if (applied is null)
        {
            return PolicyReading.Invalid([.. problems, "Nothing was applied."]);
        }

        await record.WriteAsync(by, SecurityEvent.Success(act) with { Reason = $"version {applied.Id}{(applied.Note is null ? "" : $": {applied.Note}")}" });
        return new((ViewOf(applied, isInForce: true), [.. PolicyCheck.Warnings(inForce.Current, inForce.Servers)]), null);
    }

    // One that is registered under that name, or the id as it stands: it may come some day.
    private async Task<string> ClientIdAsync(string wanted, CancellationToken cancellationToken) =>
        await OperatorNames.ClientsAsync(sql, wanted, cancellationToken) is [var only] ? only : wanted;

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

    private static PolicyVersionView ViewOf(PolicyVersion version, bool isInForce) => new(version.Id, version.At, version.Actor, version.Note, isInForce);

    private static AdminProblem NoVersion(long number) => new("policy_version_not_found", StatusCodes.Status404NotFound, $"There is no version {number}. 'policy versions' shows which there are.");
}
