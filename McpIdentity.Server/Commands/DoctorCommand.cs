using System.CommandLine;
using System.CommandLine.Parsing;
using McpIdentity.Server.Operations;

namespace McpIdentity.Server.Commands;

/// <summary><c>doctor</c>: the security checklist of the settings, or with <c>--url</c> what a client meets at a running server.</summary>
internal static class DoctorCommand
{
    public static Command Create()
    {
        var url = new Option<Uri?>("--url")
        {
            CustomParser = Parse,
            Description = "The base address of a running server, or of its MCP endpoint where that is not /mcp: checks what a client needs from it.",
        };
        var strict = new Option<bool>("--strict") { Description = "Exits with 1 when a check fails." };
        var verb = CommandLine.Verb("doctor", "Checks the settings of this server, or a running one (--url).", async (parsed, settings, cancellationToken) =>
        {
            IReadOnlyList<CheckResult> results;
            if (parsed.GetValue(url) is { } address)
            {
                results = await ConnectionChecks.RunAsync(address, cancellationToken);
            }
            else
            {
                await using var app = CommandLine.Build(settings);
                results = SecurityChecklist.Judge(app.Services);
            }

            foreach (var result in results)
            {
                Console.WriteLine($"{result.Verdict.Word(),-4}  {result.Name}: {result.Says}");
            }

            return parsed.GetValue(strict) && results.Any(result => result.Verdict == Verdict.Fail) ? 1 : 0;
        });
        verb.Options.Add(url);
        verb.Options.Add(strict);
        return verb;
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
