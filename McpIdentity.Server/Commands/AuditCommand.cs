using System.CommandLine;
using System.Globalization;
using McpIdentity.Mcp.Audit;
using McpIdentity.Migrations;
using McpIdentity.Server.Administration;
using McpIdentity.Server.Administration.Api;
using McpIdentity.Server.Audit;

namespace McpIdentity.Server.Commands;

/// <summary><c>audit</c>: what happened, who it was, and whether that is all of it (docs/audit.md).</summary>
internal static class AuditCommand
{
    private static readonly TimeSpan LooksEvery = TimeSpan.FromSeconds(1);

    private const int Remembered = 10_000;

    private static readonly Option<int> Last = new("--last") { Description = "How many, the newest first.", DefaultValueFactory = _ => 100 };
    private static readonly Option<int> Lines = new("--lines", "-n") { Description = "How many.", DefaultValueFactory = _ => 20 };
    private static readonly Option<string> Format = MakeFormat();
    private static readonly Option<string> To = new("--to") { Description = "A file that is not there yet; otherwise standard output." };
    private static readonly Option<string[]> Expect = new("--expect") { Description = "NODE:SEQUENCE:HASH, a head that was noted before: what was cut off after it is found. May stand several times." };

    private static readonly Option<bool> Accept = new("--accept")
    {
        Description = "Takes what is wrong as looked at: rows up to the last break stay, among those that nothing proves (earlier), and the chain begins behind them. Export them before, and keep that.",
    };

    public static Command Create() => new("audit", "What happened, who it was, and whether that is all of it.")
    {
        CommandLine.AdminVerb("list", "Lists what operators did, the newest first.", "audit list --last 20 -o json", ListAsync).With(Last).With(Table.Output),
        CommandLine.AdminVerb("tail", "Shows the last rows, the newest at the end.", "audit tail -f", TailAsync).With(Lines).With(CommandLine.Follow),
        AuditFilterOptions.AddTo(CommandLine.AdminVerb("search", "Finds rows, the newest first.", "audit search --since 2h --user anna@example.com --result failure", SearchAsync)).With(AuditFilterOptions.Limit).With(Table.Output),
        AuditFilterOptions.AddTo(CommandLine.AdminVerb("export", "Writes rows, the oldest first: all, or those that are looked for.", "audit export --since 2026-11-01 --format csv --to audit.csv", ExportAsync)).With(Format).With(To),
        CommandLine.AdminVerb("verify", "Proves that no row was changed, taken out or put in since it was written.", "audit verify --expect id-1:48211:9f86d0…", VerifyAsync).With(Expect).With(Accept).With(Table.Output),
    };

    private static async Task<int> ListAsync(ParseResult parsed, AdminAccess access)
    {
        var (acts, problem) = await access.ListAsync<AuditRow>("list_audit", parsed.GetValue(Last), ("only_acts", "true"));
        if (problem is not null)
        {
            return await Refusal.SayAsync(problem);
        }

        await Table.WriteAsync(parsed, acts!, new("time", act => act.Time), new("node", act => act.Node), new("actor", act => act.Actor), new("event", act => act.Event), new("line", act => act.Line));
        return ExitCode.Ok;
    }

    private static async Task<int> TailAsync(ParseResult parsed, AdminAccess access)
    {
        var (newest, problem) = await access.ListAsync<AuditRow>("list_audit", Math.Max(parsed.GetValue(Lines), 1));
        if (problem is not null)
        {
            return await Refusal.SayAsync(problem);
        }

        WriteLines(newest!);
        var seen = newest!.Select(row => row.Id).ToHashSet();
        var first = newest!.Count > 0 ? newest[^1].Id : 0; // what stands before it was not asked for
        while (parsed.GetValue(CommandLine.Follow))
        {
            await Task.Delay(LooksEvery, access.Cancelled);
            (var fresh, problem) = await FreshAsync(access, seen, first);
            if (problem is not null)
            {
                return await Refusal.SayAsync(problem);
            }

            WriteLines(fresh!);
            if (seen.Count > Remembered)
            {
                first = seen.Order().ElementAt(Remembered / 2);
                seen.RemoveWhere(id => id < first);
            }
        }

        return ExitCode.Ok;
    }

    private static void WriteLines(IReadOnlyList<AuditRow> newestFirst)
    {
        foreach (var row in newestFirst.Reverse())
        {
            Console.WriteLine(CommandLine.Printable(row.Line));
        }
    }

    // Page by page, until one has nothing new. Rows get their ids before their transactions end: one that was slow comes with an id that is behind.
    private static async Task<Outcome<IReadOnlyList<AuditRow>>> FreshAsync(AdminAccess access, HashSet<long> seen, long first)
    {
        var fresh = new List<AuditRow>();
        string? cursor = null;
        do
        {
            var (page, problem) = await access.PageAsync<AuditRow>("list_audit", AdminCall.MaxLimit, cursor);
            if (problem is not null)
            {
                return problem;
            }

            var unseen = page!.Items.Where(row => row.Id >= first && seen.Add(row.Id)).ToList();
            fresh.AddRange(unseen);
            cursor = unseen.Count > 0 ? page.Next : null;
        }
        while (cursor is not null);

        return new(fresh, null);
    }

    private static async Task<int> SearchAsync(ParseResult parsed, AdminAccess access)
    {
        if (await AuditFilterOptions.ReadAsync(parsed) is not { } filter)
        {
            return ExitCode.Usage;
        }

        var (rows, problem) = await access.ListAsync<AuditRow>("list_audit", parsed.GetValue(AuditFilterOptions.Limit), filter);
        if (problem is not null)
        {
            return await Refusal.SayAsync(problem);
        }

        await Table.WriteAsync(parsed, rows!,
            new("time", row => row.Time), new("node", row => row.Node), new("event", row => row.Event), new("result", row => row.Result), new("client id", row => row.ClientId), new("subject", row => row.Subject),
            new("resource", row => row.Resource), new("tool", row => row.Tool), new("flow", row => row.Flow), new("line", row => row.Line));
        return ExitCode.Ok;
    }

    private static async Task<int> ExportAsync(ParseResult parsed, AdminAccess access)
    {
        if (await AuditFilterOptions.ReadAsync(parsed) is not { } filter)
        {
            return ExitCode.Usage;
        }

        using var file = parsed.GetValue(To) is { } path ? new WholeFile(path) : null;
        if (await access.DownloadAsync("export_audit", () => file?.Open() ?? Console.OpenStandardOutput(), [("format", parsed.GetValue(Format)), .. filter]) is { } problem)
        {
            return await Refusal.SayAsync(problem);
        }

        file?.Keep();
        return ExitCode.Ok;
    }

    private static async Task<int> VerifyAsync(ParseResult parsed, AdminAccess access)
    {
        var expected = parsed.GetValue(Expect) ?? [];
        if (Array.Find(expected, text => text.Split(':') is not [_, var number, _] || !long.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out _)) is { } wrong)
        {
            await Console.Error.WriteLineAsync($"{CommandLine.Printable(wrong)} is not NODE:SEQUENCE:HASH. 'audit verify' prints it as the head of each chain.");
            return ExitCode.Usage;
        }

        if (parsed.GetValue(Accept))
        {
            if (access is not LocalAccess here)
            {
                await Console.Error.WriteLineAsync($"{Accept.Name} is for whoever has the machine.");
                return ExitCode.Usage;
            }

            if (expected.Length > 0)
            {
                await Console.Error.WriteLineAsync($"{Accept.Name} and {Expect.Name} do not go together: what was noted before cannot be accepted away. Accept without {Expect.Name}, and note the new heads.");
                return ExitCode.Usage;
            }

            if (!await AcceptAsync(here))
            {
                return ExitCode.Failed;
            }
        }

        var (proof, problem) = await access.CallAsync<AuditProof>("verify_audit", ("expect", expected.Length > 0 ? string.Join(',', expected) : null));
        if (problem is not null)
        {
            return await Refusal.SayAsync(problem);
        }

        await Table.WriteAsync(parsed, proof!.Chains,
            new("node", report => report.Node), new("entries", report => report.Entries), new("from", report => report.From), new("to", report => report.To),
            new("unchained", report => report.Unchained), new("pruned up to", report => report.PrunedUpTo), new("head", report => report.Head),
            new("signature", report => report.Signature), new("problem", report => report.Problem));
        foreach (var report in proof.Chains.Where(report => report.Problem is not null))
        {
            await Console.Error.WriteLineAsync($"{CommandLine.Printable(report.Node)}: {CommandLine.Printable(report.Problem)}");
        }

        return proof.IsWhole ? ExitCode.Ok : ExitCode.Failed;
    }

    // False where something was not accepted.
    private static async Task<bool> AcceptAsync(LocalAccess here)
    {
        var services = here.Services;
        var recorded = new HashSet<string>(StringComparer.Ordinal);
        List<ChainReport> broken;
        // To write it down may itself begin a chain with an alarm: until nothing is wrong that is not written down.
        while ((broken = await FindAsync()).Exists(report => !recorded.Contains(ReasonOf(report))))
        {
            foreach (var reason in broken.Select(ReasonOf).Where(recorded.Add))
            {
                if (!await services.RecordActAsync(SecurityEvent.Success("audit_break_accepted") with { Reason = reason }))
                {
                    await Console.Error.WriteLineAsync("Nothing was accepted, because it could not be written down. Try again when the database takes rows.");
                    return false;
                }
            }
        }

        var isDone = true;
        foreach (var report in broken)
        {
            if (await services.GetRequiredService<AuditPruning>().AcceptAsync(report, here.Cancelled) is { } why)
            {
                isDone = false;
                await Console.Error.WriteLineAsync($"{CommandLine.Printable(report.Node)} was not accepted: {why}.");
            }
        }

        return isDone;

        async Task<List<ChainReport>> FindAsync() =>
            [.. (await new AuditVerification(services.GetRequiredService<McpIdentityDbContext>(), services.GetRequiredService<AuditSeal>()).RunAsync(Enumerable.Empty<string>().ToLookup(head => head, _ => (0L, "")), here.Cancelled))
                .Where(report => report.Problem is not null)];

        static string ReasonOf(ChainReport report) => $"{report.Node}: {report.Problem}";
    }

    private static Option<string> MakeFormat()
    {
        var format = new Option<string>("--format") { Description = "ndjson: the lines of the security log. csv: RFC 4180. ocsf: the Open Cybersecurity Schema Framework.", DefaultValueFactory = _ => "ndjson" };
        format.AcceptOnlyFromAmong("ndjson", "csv", "ocsf");
        return format;
    }
}
