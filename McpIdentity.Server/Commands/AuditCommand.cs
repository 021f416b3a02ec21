using System.CommandLine;
using System.Globalization;
using McpIdentity.Mcp.Audit;
using McpIdentity.Migrations;
using McpIdentity.Server.Audit;
using McpIdentity.Server.Settings;

namespace McpIdentity.Server.Commands;

/// <summary><c>audit</c>: what happened, who it was, and whether that is all of it (docs/audit.md).</summary>
internal static class AuditCommand
{
    private static readonly TimeSpan LooksEvery = TimeSpan.FromSeconds(1);

    // Rows get their ids before their transactions end: one that was slow comes with an id that is behind.
    private const int Behind = 2000;

    private static readonly Option<int> Last = new("--last") { Description = "How many, the newest first.", DefaultValueFactory = _ => 100 };
    private static readonly Option<int> Lines = new("--lines", "-n") { Description = "How many.", DefaultValueFactory = _ => 20 };
    private static readonly Option<bool> Follow = new("--follow", "-f") { Description = "Goes on with what comes, until Ctrl-C." };
    private static readonly Option<string> Format = MakeFormat();
    private static readonly Option<string> To = new("--to") { Description = "A file that is not there yet; otherwise standard output." };
    private static readonly Option<string[]> Expect = new("--expect") { Description = "NODE:SEQUENCE:HASH, a head that was noted before: what was cut off after it is found. May stand several times." };

    private static readonly Option<bool> Accept = new("--accept")
    {
        Description = "Takes what is wrong as looked at: rows up to the last break stay, among those that nothing proves (earlier), and the chain begins behind them. Export them before, and keep that.",
    };

    public static Command Create() => new("audit", "What happened, who it was, and whether that is all of it.")
    {
        CommandLine.StorageVerb("list", "Lists what operators did, the newest first.", "audit list --last 20 -o json", ListAsync).With(Last).With(Table.Output),
        CommandLine.StorageVerb("tail", "Shows the last rows, the newest at the end.", "audit tail -f", TailAsync).With(Lines).With(Follow),
        AuditFilterOptions.AddTo(CommandLine.StorageVerb("search", "Finds rows, the newest first.", "audit search --since 2h --user anna@example.com --result failure", SearchAsync)).With(AuditFilterOptions.Limit).With(Table.Output),
        AuditFilterOptions.AddTo(CommandLine.StorageVerb("export", "Writes rows, the oldest first: all, or those that are looked for.", "audit export --since 2026-11-01 --format csv --to audit.csv", ExportAsync)).With(Format).With(To),
        CommandLine.StorageVerb("verify", "Proves that no row was changed, taken out or put in since it was written.", "audit verify --expect id-1:48211:9f86d0…", VerifyAsync).With(Expect).With(Accept).With(Table.Output),
    };

    private static async Task<int> ListAsync(ParseResult parsed, IServiceProvider services, CancellationToken cancellationToken)
    {
        var acts = await SearchOf(services).PageAsync(new AuditFilter { OnlyActs = true }, Math.Max(parsed.GetValue(Last), 0), null, cancellationToken);
        await Table.WriteAsync(parsed, acts, new("time", act => act.At), new("actor", act => act.Actor), new("event", act => act.Event), new("line", act => act.Line));
        return ExitCode.Ok;
    }

    private static async Task<int> TailAsync(ParseResult parsed, IServiceProvider services, CancellationToken cancellationToken)
    {
        var search = SearchOf(services);
        var newest = await search.PageAsync(new AuditFilter(), Math.Clamp(parsed.GetValue(Lines), 1, Behind), null, cancellationToken);
        newest.Reverse();
        newest.ForEach(row => Console.WriteLine(row.Line));
        var seen = newest.Select(row => row.Id).ToHashSet();
        var last = newest.Count > 0 ? newest[^1].Id : 0;
        var first = newest.Count > 0 ? newest[0].Id : 0; // what stands before it was not asked for
        while (parsed.GetValue(Follow))
        {
            await Task.Delay(LooksEvery, cancellationToken);
            await foreach (var row in search.ReadAsync(new AuditFilter(), cancellationToken, after: Math.Max(first - 1, last - Behind)))
            {
                if (seen.Add(row.Id))
                {
                    Console.WriteLine(row.Line);
                    last = Math.Max(last, row.Id);
                }
            }

            seen.RemoveWhere(id => id < last - Behind);
        }

        return ExitCode.Ok;
    }

    private static async Task<int> SearchAsync(ParseResult parsed, IServiceProvider services, CancellationToken cancellationToken)
    {
        if (await AuditFilterOptions.ReadAsync(parsed, services, cancellationToken) is not { } filter)
        {
            return ExitCode.Usage;
        }

        var rows = await SearchOf(services).PageAsync(filter, Math.Max(parsed.GetValue(AuditFilterOptions.Limit), 0), null, cancellationToken);
        await Table.WriteAsync(parsed, rows,
            new("time", row => row.At), new("event", row => row.Event), new("result", row => row.Result), new("client id", row => row.ClientId), new("subject", row => row.Subject),
            new("resource", row => row.Resource), new("tool", row => row.Tool), new("flow", row => row.Flow), new("line", row => row.Line));
        return ExitCode.Ok;
    }

    private static async Task<int> ExportAsync(ParseResult parsed, IServiceProvider services, CancellationToken cancellationToken)
    {
        if (await AuditFilterOptions.ReadAsync(parsed, services, cancellationToken) is not { } filter)
        {
            return ExitCode.Usage;
        }

        var format = Enum.Parse<AuditFormat>(parsed.GetValue(Format)!, ignoreCase: true);
        var rows = SearchOf(services).ReadAsync(filter, cancellationToken);
        if (parsed.GetValue(To) is { } path)
        {
            await using var file = PrivateFiles.Open(path, FileMode.CreateNew, FileAccess.Write, FileShare.Read);
            await AuditExport.WriteAsync(rows, format, file, cancellationToken);
        }
        else
        {
            await using var output = Console.OpenStandardOutput();
            await AuditExport.WriteAsync(rows, format, output, cancellationToken);
        }

        return ExitCode.Ok;
    }

    private static async Task<int> VerifyAsync(ParseResult parsed, IServiceProvider services, CancellationToken cancellationToken)
    {
        var expected = new List<(string Node, long Sequence, string Hash)>();
        foreach (var text in parsed.GetValue(Expect) ?? [])
        {
            if (text.Split(':') is not [var node, var number, var hash] || !long.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out var sequence))
            {
                await Console.Error.WriteLineAsync($"{CommandLine.Printable(text)} is not NODE:SEQUENCE:HASH. 'audit verify' prints it as the head of each chain.");
                return ExitCode.Usage;
            }

            expected.Add((node, sequence, hash));
        }

        var reports = await RunAsync();
        if (parsed.GetValue(Accept) && reports.Any(report => report.Problem is not null))
        {
            foreach (var report in reports.Where(report => report.Problem is not null))
            {
                await services.RecordActAsync(SecurityEvent.Success("audit_break_accepted") with { Reason = $"{report.Node}: {report.Problem}" });
            }

            // Anew: to write it down may itself have begun a chain with an alarm.
            foreach (var report in (await RunAsync()).Where(report => report.Problem is not null))
            {
                await services.GetRequiredService<AuditPruning>().AcceptAsync(report, cancellationToken);
            }

            reports = await RunAsync();
        }

        await Table.WriteAsync(parsed, reports,
            new("node", report => report.Node), new("entries", report => report.Entries), new("from", report => report.From), new("to", report => report.To),
            new("unchained", report => report.Unchained), new("pruned up to", report => report.PrunedUpTo), new("head", report => report.Head),
            new("signature", report => report.Signature), new("problem", report => report.Problem));
        foreach (var report in reports.Where(report => report.Problem is not null))
        {
            await Console.Error.WriteLineAsync($"{CommandLine.Printable(report.Node)}: {CommandLine.Printable(report.Problem)}");
        }

        return reports.Any(report => report.Problem is not null) ? ExitCode.Failed : ExitCode.Ok;

        Task<IReadOnlyList<ChainReport>> RunAsync() => new AuditVerification(services.GetRequiredService<McpIdentityDbContext>(), services.GetRequiredService<AuditSeal>())
            .RunAsync(expected.ToLookup(one => one.Node, one => (one.Sequence, one.Hash)), cancellationToken);
    }

    private static AuditSearch SearchOf(IServiceProvider services) => services.GetRequiredService<AuditSearch>();

    private static Option<string> MakeFormat()
    {
        var format = new Option<string>("--format") { Description = "ndjson: the lines of the security log. csv: RFC 4180. ocsf: the Open Cybersecurity Schema Framework.", DefaultValueFactory = _ => "ndjson" };
        format.AcceptOnlyFromAmong("ndjson", "csv", "ocsf");
        return format;
    }
}
