using System.CommandLine;
using System.Text;
using McpIdentity.Mcp.Audit;
using McpIdentity.Migrations;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Administration;
using McpIdentity.Server.Policy;
using McpIdentity.Server.Sessions;
using Microsoft.EntityFrameworkCore;

namespace McpIdentity.Server.Commands;

/// <summary><c>policy show|versions|check|apply|rollback</c>: who may do what at fronted servers; <c>policy test</c> and <c>policy diff</c> are beside it.</summary>
internal static class PolicyCommand
{
    private static readonly Argument<string> Document = new("file") { Description = "A JSON file with Groups and Rules." };

    private static readonly Option<string> Note = new("--note") { Description = "Why: shown by versions." };

    private static readonly Argument<long> Which = new("version") { Description = "The number that versions shows." };

    public static Command Create() => new("policy", "Who may do what at the servers that this one fronts.")
    {
        Show(),
        CommandLine.StorageVerb("versions", "Lists what was applied, the one in force first.", "policy versions -o json", VersionsAsync).With(Table.Output),
        CommandLine.StorageVerb("check", "Says what is wrong with the policy in force or a proposed one, and what is odd.", "policy check --file policy.json", CheckAsync)
            .With(PolicyProposal.File).With(PolicyProposal.Replaces).With(Table.Output),
        Apply(),
        Rollback(),
        PolicyTestCommand.Create(),
        PolicyDiffCommand.Create(),
    };

    private static Command Show()
    {
        var which = new Option<long?>("--version") { Description = "One that was applied, as it was handed in." };
        var verb = CommandLine.StorageVerb("show", "Shows the rules in force in their order, or a version as it was applied.", "policy show -o json", async (parsed, services, cancellationToken) =>
        {
            if (parsed.GetValue(which) is { } number)
            {
                if (await FindAsync(services, number, cancellationToken) is not { } version)
                {
                    return 1;
                }

                Console.WriteLine(version.Document);
                return 0;
            }

            var policy = (await PolicyProposal.InForceAsync(services, cancellationToken)).Current;
            var rows = policy.Rules.Select(rule => (Place: rule.Written.Place, Text: PolicyText.Of(rule.Written)))
                .Concat(policy.Documents.SelectMany(document => document.Groups.Select(group => (Place: document.Title is null ? $"Policy:Groups:{group.Key}" : $"{document.Title}, group {group.Key}", Text: string.Join(", ", group.Value)))));
            await Table.WriteAsync(parsed, rows.ToList(), new("place", row => row.Place), new("says", row => row.Text));
            return 0;
        });
        return verb.With(which).With(Table.Output);
    }

    private static Command Apply()
    {
        var verb = CommandLine.StorageVerb("apply", "Puts a policy in force, on every node within seconds.", "policy apply policy.json --note \"Anna reviews\"", async (parsed, services, cancellationToken) =>
        {
            await PolicyProposal.InForceAsync(services, cancellationToken);
            return await PolicyProposal.ReadBytesAsync(parsed.GetRequiredValue(Document)) is { } json
                ? await ApplyAsync(services, json, parsed.GetValue(Note), "policy_applied", cancellationToken)
                : 1;
        });
        verb.Arguments.Add(Document);
        return verb.With(Note);
    }

    private static Command Rollback()
    {
        var verb = CommandLine.StorageVerb("rollback", "Applies an earlier version again.", "policy rollback 3", async (parsed, services, cancellationToken) =>
        {
            await PolicyProposal.InForceAsync(services, cancellationToken);
            var number = parsed.GetRequiredValue(Which);
            return await FindAsync(services, number, cancellationToken) is { } version
                ? await ApplyAsync(services, Encoding.UTF8.GetBytes(version.Document), $"as version {number}", "policy_rolled_back", cancellationToken)
                : 1;
        });
        verb.Arguments.Add(Which);
        return verb;
    }

    private static async Task<PolicyVersion?> FindAsync(IServiceProvider services, long number, CancellationToken cancellationToken)
    {
        var version = await services.GetRequiredService<StoredPolicies>().FindAsync(number, cancellationToken);
        if (version is null)
        {
            await Console.Error.WriteLineAsync($"There is no version {number}. 'policy versions' shows which there are.");
        }

        return version;
    }

    private static async Task<int> ApplyAsync(IServiceProvider services, byte[] json, string? note, string act, CancellationToken cancellationToken)
    {
        var (applied, problems) = await services.GetRequiredService<StoredPolicies>().ApplyAsync(json, Operator.OfThisMachine.Name, note, cancellationToken);
        if (applied is null)
        {
            await PolicyProposal.SayAsync([.. problems, "Nothing was applied."]);
            return 1;
        }

        await services.RecordActAsync(SecurityEvent.Success(act) with { Reason = $"version {applied.Id}{(applied.Note is null ? "" : $": {applied.Note}")}" });
        var inForce = services.GetRequiredService<PolicyInForce>();
        await PolicyProposal.SayAsync(PolicyCheck.Warnings(inForce.Current, inForce.Servers));
        Console.WriteLine($"applied: version {applied.Id}");
        return 0;
    }

    private static async Task<int> VersionsAsync(ParseResult parsed, IServiceProvider services, CancellationToken cancellationToken)
    {
        var versions = await services.GetRequiredService<McpIdentityDbContext>().PolicyVersions.AsNoTracking().OrderByDescending(version => version.Id).ToListAsync(cancellationToken);
        await Table.WriteAsync(parsed, versions,
            new("version", version => version.Id), new("applied", version => version.At), new("by", version => version.Actor), new("note", version => version.Note),
            new("in force", version => version == versions[0]));
        return 0;
    }

    private static async Task<int> CheckAsync(ParseResult parsed, IServiceProvider services, CancellationToken cancellationToken)
    {
        var inForce = await PolicyProposal.InForceAsync(services, cancellationToken);
        if (await PolicyProposal.PolicyAsync(parsed, inForce) is not { } policy || (parsed.GetValue(PolicyProposal.File) is null && inForce.Problem is not null))
        {
            return 1; // it has been said
        }

        string[] warnings = [.. PolicyCheck.Warnings(policy, inForce.Servers), .. await UnknownGroupsAsync(services, policy, cancellationToken)];
        if (parsed.GetValue(Table.Output) == "json")
        {
            await Table.WriteAsync(parsed, warnings, new Table.Column<string>("warning", warning => warning));
            return 0;
        }

        foreach (var warning in warnings)
        {
            Console.WriteLine(CommandLine.Printable(warning));
        }

        Console.WriteLine($"The policy is valid: {policy.Rules.Count} rules, {warnings.Length} warnings.");
        return 0;
    }

    // A name that no document defines is one of a provider; where nobody who has signed in is in it, it may be misspelled.
    private static async Task<IEnumerable<string>> UnknownGroupsAsync(IServiceProvider services, PolicySet policy, CancellationToken cancellationToken)
    {
        var undefined = policy.Rules.SelectMany(rule => (rule.Written.Groups ?? []).Where(group => !policy.Groups.Define(group)).Select(group => (rule.Written.Place, Group: group))).ToList();
        if (undefined.Count == 0)
        {
            return [];
        }

        var said = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        await foreach (var groups in services.GetRequiredService<McpIdentityDbContext>().Users.Where(user => user.Groups != null).Select(user => user.Groups).Distinct().AsAsyncEnumerable().WithCancellation(cancellationToken))
        {
            said.UnionWith(SaidGroups.Parse(groups));
        }

        return undefined.Where(pair => !said.Contains(pair.Group)).Select(pair => $"{pair.Place} names the group '{pair.Group}', which Groups does not define, and which no sign-in provider has said of anybody yet.");
    }
}
