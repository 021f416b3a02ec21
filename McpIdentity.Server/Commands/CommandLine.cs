using System.CommandLine;
using System.CommandLine.Invocation;
using System.CommandLine.Parsing;
using System.Diagnostics;
using System.Globalization;
using McpIdentity.Mcp.Audit;
using McpIdentity.Server.Administration;
using McpIdentity.Server.Housekeeping;
using McpIdentity.Server.Persistence;
using McpIdentity.Server.Policy;
using Microsoft.Extensions.Logging.Console;

namespace McpIdentity.Server.Commands;

/// <summary>The server binary is the command line: <c>serve</c> is what runs when no verb is named.</summary>
internal static class CommandLine
{
    private static readonly TimeSpan ProgressEvery = TimeSpan.FromSeconds(10);

    /// <summary>Of a verb that goes on until it is told to end: that it does so is not said every few seconds.</summary>
    public static readonly Option<bool> Follow = new("--follow", "-f") { Description = "Goes on with what comes, until Ctrl-C." };

    private static readonly Option<bool> Quiet = new("--quiet", "-q") { Description = "Says nothing but what was asked for, and what went wrong.", Recursive = true };

    // One file a verb. Settings (--Section:Key=value) may follow every verb. Once: an option remembers every verb that it was given to.
    private static readonly Dictionary<string, Lazy<Command>> Verbs = new()
    {
        ["serve"] = new(ServeCommand.Create),
        ["migrate"] = new(MigrateCommand.Create),
        ["grants"] = new(GrantsCommand.Create),
        ["sessions"] = new(SessionsCommand.Create),
        ["users"] = new(UsersCommand.Create),
        ["admin"] = new(AdminCommand.Create),
        ["config"] = new(ConfigCommand.Create),
        ["doctor"] = new(DoctorCommand.Create),
        ["healthcheck"] = new(HealthCheckCommand.Create),
        ["keygen"] = new(KeygenCommand.Create),
        ["keys"] = new(KeysCommand.Create),
        ["clients"] = new(ClientsCommand.Create),
        ["policy"] = new(PolicyCommand.Create),
        ["prune"] = new(PruneCommand.Create),
        ["token"] = new(TokenCommand.Create),
        ["audit"] = new(AuditCommand.Create),
        ["trace"] = new(TraceCommand.Create),
        ["backup"] = new(BackupCommand.Create),
        ["restored"] = new(RestoredCommand.Create),
        ["servers"] = new(ServersCommand.Create),
        ["tools"] = new(ToolsCommand.Create),
        ["connections"] = new(ConnectionsCommand.Create),
        ["version"] = new(VersionCommand.Create),
        ["completion"] = new(CompletionCommand.Create),
    };

    /// <summary>With all verbs, for whoever asks what there is.</summary>
    internal static RootCommand Root => field ??= With(Verbs.Values);

    /// <summary>Does what the words say.</summary>
    /// <param name="words">As they stand after the name of the program.</param>
    /// <returns>The exit code.</returns>
    public static async Task<int> InvokeAsync(string[] words, CancellationToken cancellationToken)
    {
        // A verb that is named needs no other beside it: to make them all takes longer than some of them.
        var parsed = (Verbs.TryGetValue(words[0], out var verb) ? With([verb]) : Root).Parse(words);
        var exitCode = await parsed.InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null }, cancellationToken);
        return parsed.Action is ParseErrorAction ? ExitCode.Usage : exitCode;
    }

    private static RootCommand With(IEnumerable<Lazy<Command>> verbs)
    {
        var root = new RootCommand(
            $"McpIdentity, an authorization server for MCP. Settings are passed as --Section:Key=value. Exit codes: {string.Join("; ", ExitCode.All.Select(code => $"{code.Code} {code.Means}"))}.") { Quiet };
        foreach (var verb in verbs)
        {
            root.Subcommands.Add(verb.Value);
        }

        return root;
    }

    /// <summary>Whether nothing is to be said beside the answer.</summary>
    public static bool IsQuiet(ParseResult parsed) => parsed.GetValue(Quiet);

    /// <summary>A verb that reads settings from whatever it does not know itself.</summary>
    /// <param name="example">What <c>--help</c> shows of its use.</param>
    /// <param name="run">Given the parsed options and the settings; returns the exit code.</param>
    /// <param name="takesWord">Whether a word without dashes is the verb's own to read: it stands among the settings.</param>
    /// <param name="onlyHere">Why it does nothing at a server elsewhere.</param>
    public static Command Verb(
        string name, string description, string example, Func<ParseResult, string[], CancellationToken, Task<int>> run, bool takesWord = false, string onlyHere = "it is for this machine alone")
    {
        var verb = new Command(name, $"{description} Example: {example}") { TreatUnmatchedTokensAsErrors = false };
        verb.SetAction(async (parsed, cancellationToken) =>
        {
            // .NET reads settings in any case, and options are told apart by it: --Yes=… would be a setting that nobody reads, --Server=… the database of this machine.
            if (parsed.UnmatchedTokens.Select(token => NamesOf(verb).FirstOrDefault(name => name.Equals(token.Split('=')[0], StringComparison.OrdinalIgnoreCase))).FirstOrDefault(name => name is not null) is { } meant)
            {
                await Console.Error.WriteLineAsync($"{PathOf(parsed)}: it is written {meant}.");
                return ExitCode.Usage;
            }

            if (RemoteOptions.FirstOf(parsed.UnmatchedTokens) is { } remote)
            {
                await Console.Error.WriteLineAsync($"{PathOf(parsed)} takes no {remote}: {onlyHere}.");
                return ExitCode.Usage;
            }

            // An unset variable of a script means nobody, and not everybody.
            if (EmptyOf(parsed, takesWord) is { } empty)
            {
                await Console.Error.WriteLineAsync($"{PathOf(parsed)}: {empty} is empty. Say what it is, or leave it out.");
                return ExitCode.Usage;
            }

            if (FirstNoSetting([.. parsed.UnmatchedTokens.Where(token => !takesWord || token.StartsWith('-'))]) is { } wrong)
            {
                await Console.Error.WriteLineAsync($"{Printable(wrong)} is no option of {name} and no setting (--Section:Key=value).{Spelling.Suggest(wrong, verb)} '{PathOf(parsed)} --help' lists the options.");
                return ExitCode.Usage;
            }

            return await run(parsed, [.. parsed.UnmatchedTokens], cancellationToken);
        });
        return verb;
    }

    private static IEnumerable<string> NamesOf(Command verb) => verb.Options.Append(Quiet).SelectMany(option => option.Aliases.Append(option.Name)).Where(name => name.StartsWith("--", StringComparison.Ordinal));

    // What was named, and with nothing.
    private static string? EmptyOf(ParseResult parsed, bool takesWord) =>
        parsed.CommandResult.Children.FirstOrDefault(result => result.Tokens.Any(token => string.IsNullOrWhiteSpace(token.Value))) switch
        {
            OptionResult option => option.Option.Name,
            ArgumentResult argument => $"<{argument.Argument.Name}>",
            _ => takesWord && parsed.UnmatchedTokens.Any(string.IsNullOrWhiteSpace) ? "a word" : null,
        };

    // What .NET's command line source would drop without a word: prune --dryrun must not delete.
    private static string? FirstNoSetting(IReadOnlyList<string> tokens)
    {
        for (var i = 0; i < tokens.Count; i++)
        {
            var isOption = tokens[i].StartsWith("--", StringComparison.Ordinal);
            if (isOption && !tokens[i].Contains('=', StringComparison.Ordinal) && i + 1 < tokens.Count && !tokens[i + 1].StartsWith("--", StringComparison.Ordinal))
            {
                i++; // --Section:Key value
            }
            else if (!isOption || !tokens[i].Contains('=', StringComparison.Ordinal))
            {
                return tokens[i];
            }
        }

        return null;
    }

    /// <summary>A verb that works on what the servers have stored, whether they serve at that moment or not.</summary>
    /// <param name="run">Given the parsed options and the services of a scope; returns the exit code.</param>
    /// <param name="takesWord">As of <see cref="Verb"/>: <see cref="WordsOf"/> has them.</param>
    /// <param name="onlyHere">As of <see cref="Verb"/>.</param>
    public static Command StorageVerb(
        string name, string description, string example, Func<ParseResult, IServiceProvider, CancellationToken, Task<int>> run, bool takesWord = false, string onlyHere = "it works on the database itself") =>
        Verb(
            name, description, example, (parsed, settings, cancellationToken) => WithProgressAsync(parsed, () =>
                WithStorageAsync(settings, takesWord, services => run(parsed, services, cancellationToken), cancellationToken)),
            takesWord, onlyHere);

    /// <summary>A verb of operations of the admin API: on this machine in this process, or at a server elsewhere (<see cref="RemoteOptions"/>), whose settings and database are not here.</summary>
    /// <param name="run">Given the parsed options and the operations; returns the exit code.</param>
    /// <param name="takesWord">As of <see cref="Verb"/>.</param>
    /// <param name="prepare">What a server that runs has ready, and this process has not.</param>
    /// <param name="server">The option that names the server elsewhere.</param>
    public static Command AdminVerb(
        string name, string description, string example, Func<ParseResult, AdminAccess, Task<int>> run, bool takesWord = false, Func<IServiceProvider, CancellationToken, Task>? prepare = null, Option<string?>? server = null) =>
        Verb(
            name, description, example, (parsed, settings, cancellationToken) => WithProgressAsync(parsed, async () =>
            {
                using var remote = await RemoteAccess.OpenAsync(parsed, cancellationToken);
                return remote is not null ? await run(parsed, remote) : await WithStorageAsync(settings, takesWord, async services =>
                {
                    await (prepare?.Invoke(services, cancellationToken) ?? Task.CompletedTask);
                    return await run(parsed, new LocalAccess(services, cancellationToken));
                }, cancellationToken);
            }), takesWord).With(server ?? RemoteOptions.Server).With(RemoteOptions.TokenFile);

    private static async Task<int> WithStorageAsync(string[] settings, bool takesWord, Func<IServiceProvider, Task<int>> run, CancellationToken cancellationToken)
    {
        await using var app = Build([.. settings.Where(setting => !takesWord || setting.StartsWith('-'))]);
        app.Services.AllowLongStatements();
        await app.Services.MigrateOnStartAsync(cancellationToken);
        await using var scope = app.Services.CreateAsyncScope();
        return await run(scope.ServiceProvider);
    }

    /// <summary>The words among the settings. An argument of the parser that may be absent, or stand several times, would take the settings too.</summary>
    public static string[] WordsOf(ParseResult parsed) => [.. parsed.UnmatchedTokens.Where(token => !token.StartsWith('-'))];

    /// <summary>The verb with one more option.</summary>
    public static Command With(this Command verb, Option option)
    {
        if (!verb.Options.Contains(option))
        {
            verb.Options.Add(option);
        }

        return verb;
    }

    /// <summary>The verb as it is written: <c>clients list</c>.</summary>
    public static string PathOf(ParseResult parsed)
    {
        var words = new List<string>();
        for (SymbolResult? result = parsed.CommandResult; result is CommandResult { Command: not RootCommand } command; result = result.Parent)
        {
            words.Insert(0, command.Command.Name);
        }

        return string.Join(' ', words);
    }

    /// <summary>Says every few seconds that work which takes long goes on: in one line where somebody looks on, else in a line each time.</summary>
    public static async Task<int> WithProgressAsync(ParseResult parsed, Func<Task<int>> run)
    {
        var started = Stopwatch.GetTimestamp();
        var work = Task.Run(run);
        var said = false;
        while (await Task.WhenAny(work, Task.Delay(ProgressEvery)) != work)
        {
            if (!Confirmation.IsAsking && !IsQuiet(parsed) && !parsed.GetValue(Follow))
            {
                var line = $"{PathOf(parsed)} is still at work ({Stopwatch.GetElapsedTime(started).TotalSeconds:0} s).";
                await Console.Error.WriteAsync(Console.IsErrorRedirected ? line + Environment.NewLine : $"\r{line}");
                said = !Console.IsErrorRedirected;
            }
        }

        if (said)
        {
            await Console.Error.WriteLineAsync();
        }

        return await work;
    }

    /// <summary>The parts of the server for a verb. Standard output belongs to its result: what is logged goes to standard error, and is little.</summary>
    /// <param name="settings">As of <see cref="Program.Build"/>.</param>
    public static WebApplication Build(string[] settings) => Program.Build(settings, builder =>
    {
        builder.Services.Configure<ConsoleLoggerOptions>(console => (console.LogToStandardErrorThreshold, console.FormatterName) = (LogLevel.Trace, console.FormatterName ?? ConsoleFormatterNames.Simple));
        builder.Services.Configure<SimpleConsoleFormatterOptions>(console => console.ColorBehavior = LoggerColorBehavior.Disabled); // there is none in what a verb says (docs/cli.md, "Conventions")
        builder.Logging.AddFilter<ConsoleLoggerProvider>((category, level) =>
            (level >= LogLevel.Warning && category != typeof(PolicyInForce).FullName) || category == typeof(Pruning).FullName); // what is odd about a policy its verbs say
    });

    /// <summary>Writes down what this verb did.</summary>
    /// <returns>Whether the database took it.</returns>
    public static Task<bool> RecordActAsync(this IServiceProvider services, SecurityEvent done) =>
        services.GetRequiredService<OperatorRecord>().WriteAsync(Operator.OfThisMachine, done);

    /// <summary>Words that a client, a browser or a provider chose, on one line: they begin no other. Beyond that <see cref="PrintedText"/> sees to all that is printed.</summary>
    public static string Printable(string? text) => ForeignText.Clean(text ?? "-", int.MaxValue);

    /// <summary>In UTC, to the second; 20 characters.</summary>
    public static string Moment(DateTimeOffset? moment) => moment?.ToString("u", CultureInfo.InvariantCulture) ?? "-";
}
