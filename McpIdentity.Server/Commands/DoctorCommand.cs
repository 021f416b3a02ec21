using System.CommandLine;
using System.CommandLine.Parsing;
using McpIdentity.Server.Operations;

namespace McpIdentity.Server.Commands;

/// <summary><c>doctor</c>: the security checklist of the settings and whether all answers that the server needs, or with <c>--url</c> what a client meets at a running one.</summary>
internal static class DoctorCommand
{
    public static Command Create()
    {
        var url = new Option<Uri?>("--url")
        {
            CustomParser = Parse,
            Description = "The base address of a running server, or of its MCP endpoint where that is not /mcp: checks what a client needs from it.",
        };
        var strict = new Option<bool>("--strict") { Description = "Exits with 1 after a warning too." };
        var offline = new Option<bool>("--offline") { Description = "Judges the settings alone: asks neither database, Redis nor network." };
        var verb = CommandLine.Verb("doctor", "Checks this server's settings and what it needs, or a running server (--url). Exits with 1 when a check fails.", "doctor --url https://id.example.org", (parsed, settings, cancellationToken) => CommandLine.WithProgressAsync("doctor", async () =>
        {
            var results = parsed.GetValue(url) is { } address
                ? await ConnectionChecks.RunAsync(address, cancellationToken)
                : await CheckOwnAsync(settings, parsed.GetValue(offline), cancellationToken);
            if (parsed.GetValue(Table.Output) == "json")
            {
                await Table.WriteAsync(parsed, results, new("verdict", result => result.Verdict.Word()), new("name", result => result.Name), new("says", result => result.Says));
            }
            else
            {
                foreach (var result in results)
                {
                    Console.WriteLine($"{result.Verdict.Word(),-4}  {result.Name}: {CommandLine.Printable(result.Says)}");
                }
            }

            return results.Any(result => result.Verdict == Verdict.Fail || (result.Verdict == Verdict.Warn && parsed.GetValue(strict))) ? 1 : 0;
        }));
        verb.Options.Add(url);
        verb.Options.Add(strict);
        verb.Options.Add(offline);
        return verb.With(Table.Output);
    }

    private static async Task<IReadOnlyList<CheckResult>> CheckOwnAsync(string[] settings, bool offline, CancellationToken cancellationToken)
    {
        await using var app = CommandLine.Build(settings);
        var checklist = SecurityChecklist.Judge(app.Services);
        if (offline)
        {
            return checklist;
        }

        await using var scope = app.Services.CreateAsyncScope();
        var clocks = new List<(string Whose, TimeSpan Ahead)>();
        var stores = await StoreChecks.RunAsync(scope.ServiceProvider, clocks, cancellationToken);
        var peers = await PeerChecks.RunAsync(scope.ServiceProvider, clocks, cancellationToken);
        return [.. checklist, .. stores, .. peers, PeerChecks.Clock(clocks)];
    }

    private static Uri? Parse(ArgumentResult result)
    {
        var text = result.Tokens[0].Value;
        if (Uri.TryCreate(text, UriKind.Absolute, out var url) && url.Scheme is "http" or "https")
        {
            return url;
        }

        result.AddError($"'{CommandLine.Printable(text)}' is no http or https address.");
        return null;
    }
}
