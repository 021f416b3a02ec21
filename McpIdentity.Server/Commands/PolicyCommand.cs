using System.CommandLine;
using McpIdentity.Server.Administration;
using McpIdentity.Server.Administration.Api;

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
        CommandLine.AdminVerb("versions", "Lists what was applied, the one in force first.", "policy versions -o json", VersionsAsync).With(Table.Output),
        CommandLine.AdminVerb("check", "Says what is wrong with the policy in force or a proposed one, and what is odd.", "policy check --file policy.json", CheckAsync)
            .With(ProposedPolicy.File).With(ProposedPolicy.Replaces).With(Table.Output),
        Apply(),
        Rollback(),
        PolicyTestCommand.Create(),
        PolicyDiffCommand.Create(),
    };

    private static Command Show()
    {
        var which = new Option<long?>("--version") { Description = "One that was applied, as it was handed in." };
        var verb = CommandLine.AdminVerb("show", "Shows the rules in force in their order, or a version as it was applied.", "policy show -o json", async (parsed, access) =>
        {
            if (parsed.GetValue(which) is { } number)
            {
                var (version, problem) = await access.CallAsync<PolicyVersionView>("get_policy_version", ("version", $"{number}"));
                if (problem is not null)
                {
                    return await Refusal.SayAsync(problem);
                }

                Console.WriteLine(version!.Document);
                return 0;
            }

            var (policy, refused) = await access.CallAsync<PolicyView>("get_policy");
            if (refused is not null)
            {
                return await Refusal.SayAsync(refused);
            }

            await ProposedPolicy.SayAsync(policy!.Problem is { } wrong ? [wrong] : []);
            await Table.WriteAsync(parsed, policy.Rules.Concat(policy.Groups).ToList(), new("place", row => row.Place), new("says", row => row.Says));
            return 0;
        });
        return verb.With(which).With(Table.Output);
    }

    private static Command Apply()
    {
        var verb = CommandLine.AdminVerb("apply", "Puts a policy in force, on every node within seconds.", "policy apply policy.json --note \"Anna reviews\"", async (parsed, access) =>
            await ProposedPolicy.ReadAsync(parsed.GetRequiredValue(Document)) is { Document: { } document }
                ? await SayAsync(parsed, await access.SendAsync<AppliedPolicy>("apply_policy", new ApplyPolicy(document, parsed.GetValue(Note))))
                : ExitCode.Failed);
        verb.Arguments.Add(Document);
        return verb.With(Note).With(Table.Output);
    }

    private static Command Rollback()
    {
        var verb = CommandLine.AdminVerb("rollback", "Applies an earlier version again.", "policy rollback 3", async (parsed, access) =>
            await SayAsync(parsed, await access.CallAsync<AppliedPolicy>("roll_back_policy", ("version", $"{parsed.GetRequiredValue(Which)}"))));
        verb.Arguments.Add(Which);
        return verb.With(Table.Output);
    }

    private static async Task<int> SayAsync(ParseResult parsed, Outcome<AppliedPolicy> outcome)
    {
        var (applied, problem) = outcome;
        if (problem is not null)
        {
            return await Refusal.SayAsync(problem);
        }

        await ProposedPolicy.SayAsync(applied!.Warnings);
        return await Table.WriteDoneAsync(parsed, $"{applied.Version.Version}", "applied", $"applied: version {applied.Version.Version}");
    }

    private static async Task<int> VersionsAsync(ParseResult parsed, AdminAccess access)
    {
        var (versions, problem) = await access.ListAsync<PolicyVersionView>("list_policy_versions");
        if (problem is not null)
        {
            return await Refusal.SayAsync(problem);
        }

        await Table.WriteAsync(parsed, versions!,
            new("version", version => version.Version), new("applied", version => version.AppliedAt), new("by", version => version.By), new("note", version => version.Note),
            new("in force", version => version.InForce));
        return 0;
    }

    private static async Task<int> CheckAsync(ParseResult parsed, AdminAccess access)
    {
        var replaces = parsed.GetRequiredValue(ProposedPolicy.Replaces);
        var (document, isRead) = await ProposedPolicy.ReadAsync(parsed.GetValue(ProposedPolicy.File), replaces);
        if (!isRead)
        {
            return ExitCode.Failed;
        }

        var (check, problem) = await access.SendAsync<PolicyCheckView>("check_policy", new CheckPolicy(document, replaces));
        if (problem is not null)
        {
            return await Refusal.SayAsync(problem);
        }

        if (parsed.GetValue(Table.Output) == "json")
        {
            await Table.WriteAsync(parsed, check!.Warnings, new Table.Column<string>("warning", warning => warning));
            return 0;
        }

        foreach (var warning in check!.Warnings)
        {
            Console.WriteLine(CommandLine.Printable(warning));
        }

        Console.WriteLine($"The policy is valid: {check.Rules} rules, {check.Warnings.Count} warnings.");
        return 0;
    }
}
