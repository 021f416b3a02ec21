using System.CommandLine;
using System.CommandLine.Parsing;
using McpIdentity.Server.Administration.Api;
using McpIdentity.Server.Doctor;
using McpIdentity.Server.Operations;
using McpIdentity.Server.Settings;

namespace McpIdentity.Server.Commands;

/// <summary><c>doctor</c>: looks at this server, or with <c>--url</c> at any; docs/doctor.md has what it asks.</summary>
internal static class DoctorCommand
{
    private static readonly Option<Uri?> Url = new("--url")
    {
        CustomParser = Parse,
        Description = "The MCP endpoint of any server, or the address of one whose endpoint is /mcp: checks what a client meets there.",
    };

    private static readonly Option<string?> Client = MakeClient();
    private static readonly Option<bool> Register = new("--register") { Description = "With --url: registers a client there, and deletes it again." };
    private static readonly Option<string?> Cimd = new("--cimd") { Description = "The URL of a client's metadata document: whether it would be known by it here." };
    private static readonly Option<string?> Only = new("--check") { Description = "One check by its id, or an area: database.migrations, database." };
    private static readonly Option<bool> Strict = new("--strict") { Description = "Exits with 1 after a warning too." };
    private static readonly Option<bool> Offline = new("--offline") { Description = "Judges the settings alone: asks neither database, Redis nor network." };
    private static readonly Option<bool> Markdown = new("--markdown") { Description = "A table to paste into an issue. It holds addresses and names, and no secret." };

    public static Command Create() => CommandLine.Verb(
        "doctor", "Checks this server, its settings and what it needs, or any server (--url). Exits with 1 when a check fails.", "doctor --url https://id.example.org --client all",
        (parsed, settings, cancellationToken) => CommandLine.WithProgressAsync(parsed, () => RunAsync(parsed, settings, cancellationToken)))
        .With(Url).With(Client).With(Register).With(Cimd).With(Only).With(Strict).With(Offline).With(Markdown).With(RemoteOptions.Server).With(RemoteOptions.TokenFile).With(Table.Output);

    private static async Task<int> RunAsync(ParseResult parsed, string[] settings, CancellationToken cancellationToken)
    {
        var only = parsed.GetValue(Only);
        using var elsewhere = await RemoteAccess.OpenAsync(parsed, cancellationToken, Url, Client, Register, Cimd, Offline);
        if (elsewhere is null && !OwnChecks.IsWanted(OwnChecks.Known, only))
        {
            await Console.Error.WriteLineAsync($"There is no check {CommandLine.Printable(only)}. docs/doctor.md lists them.");
            return ExitCode.NotFound;
        }

        var (far, problem) = elsewhere is null ? default : await elsewhere.CallAsync<DoctorView>("get_doctor", ("check", only));
        if (problem is not null)
        {
            return await Refusal.SayAsync(problem);
        }

        var results = (far is not null ? [.. far.Answers.Select(ResultOf)]
            : parsed.GetValue(Url) is { } address ? await OtherServer.RunAsync(address, parsed.GetValue(Client), parsed.GetValue(Register), cancellationToken)
            : await CheckOwnAsync(parsed, settings, only, cancellationToken)).Where(result => OwnChecks.IsWanted([result.Check], only)).ToList();
        if (parsed.GetValue(Markdown))
        {
            Console.WriteLine(DoctorReport.ToMarkdown(results));
        }
        else if (Table.IsJson(parsed))
        {
            await Table.WriteAsync(parsed, results, new("id", result => result.Id), new("subject", result => result.Subject), new("verdict", result => result.Verdict.Word()),
                new("says", result => result.Says), new("cure", result => result.Cure), new("section", result => result.Check.Section));
        }
        else
        {
            Console.Write(DoctorReport.ToText(results));
        }

        return results.Any(result => result.Verdict == Verdict.Fail || (result.Verdict == Verdict.Warn && parsed.GetValue(Strict))) ? 1 : 0;
    }

    // Of another release it may be a check that is not known here.
    private static CheckResult ResultOf(DoctorAnswer answer)
    {
        var check = OwnChecks.Known.FirstOrDefault(known => known.Id == answer.Id) ?? new Check(answer.Id, Verdict.Fail, "", "", "");
        var verdict = Enum.GetValues<Verdict>().FirstOrDefault(verdict => verdict.Word() == answer.Verdict, Verdict.Fail);
        return new CheckResult(check with { Section = answer.Section }, verdict, answer.Says, answer.Cure) { Subject = answer.Subject };
    }

    private static async Task<IReadOnlyList<CheckResult>> CheckOwnAsync(ParseResult parsed, string[] settings, string? only, CancellationToken cancellationToken)
    {
        WebApplication app;
        try
        {
            app = CommandLine.Build(settings);
            Program.Map(app);
        }
        catch (ConfigurationProblems.InvalidConfigurationException exception)
        {
            return [ConfigurationChecks.Valid.Bad(exception.Message.ReplaceLineEndings(" "))];
        }

        await using (app)
        {
            return parsed.GetValue(Cimd) is { } document ? [await DocumentChecks.RunAsync(app.Services, document, cancellationToken)]
                : parsed.GetValue(Offline) ? OwnChecks.JudgeSettings(app.Services)
                : await OwnChecks.RunAsync(app.Services, only, cancellationToken);
        }
    }

    private static Option<string?> MakeClient()
    {
        var client = new Option<string?>("--client") { Description = "With --url: whether that client would come through to the sign-in, and where it would end." };
        client.AcceptOnlyFromAmong([.. ClientVerdicts.Names]);
        return client;
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
