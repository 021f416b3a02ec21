using System.CommandLine;
using System.CommandLine.Invocation;
using System.Data.Common;
using System.Globalization;
using McpIdentity.Mcp;
using McpIdentity.Mcp.Audit;
using McpIdentity.Server.Hosting;
using McpIdentity.Server.Housekeeping;
using McpIdentity.Server.Persistence;
using McpIdentity.Server.Settings;
using Microsoft.Extensions.Logging.Console;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Commands;

/// <summary>The server binary is the command line: <c>serve</c> is what runs when no verb is named.</summary>
internal static class CommandLine
{
    private const int Failed = 1;
    private const int Usage = 2;

    // After SIGTERM or Ctrl-C. System.CommandLine would end the process after two seconds, in the middle of what Draining is
    // finishing; whoever sends the signal has a limit of their own.
    private static readonly TimeSpan EndsWithin = TimeSpan.FromMinutes(1);

    // One file a verb, each with a Create(). Settings (--Section:Key=value) may follow every verb.
    private static RootCommand Root => new("McpIdentity, an authorization server for MCP. Settings are passed as --Section:Key=value.")
    {
        ServeCommand.Create(),
        MigrateCommand.Create(),
        GrantsCommand.Create(),
        SessionsCommand.Create(),
        UsersCommand.Create(),
        ConfigCommand.Create(),
        DoctorCommand.Create(),
        HealthCheckCommand.Create(),
        KeygenCommand.Create(),
        KeysCommand.Create(),
        ClientsCommand.Create(),
        PruneCommand.Create(),
        TokenCommand.Create(),
    };

    /// <summary>The process begins here; what it serves is <see cref="Program"/>'s.</summary>
    public static async Task<int> Main(string[] args)
    {
        // No verb means serve; whatever begins with a dash is a setting, and settings are the configuration's to read.
        var isVerb = args.Length > 0 && (!args[0].StartsWith('-') || args[0] is "--help" or "-h" or "-?" or "--version");
        if ((!isVerb || args[0] == "serve") && ConnectionLimit.Refusal is { } refusal)
        {
            await Console.Error.WriteLineAsync(refusal);
            return Failed;
        }

        try
        {
            var parsed = Root.Parse(isVerb ? args : ["serve", .. args]);
            var exitCode = await parsed.InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = EndsWithin });
            return parsed.Action is ParseErrorAction ? Usage : exitCode;
        }
        catch (Exception exception) when (exception is ConfigurationProblems.InvalidConfigurationException or InvalidOperationException or IOException or DbException)
        {
            // What an operator can mend: one message, no stack.
            await Console.Error.WriteLineAsync(exception.Message);
            return Failed;
        }
    }

    /// <summary>A verb that reads settings from whatever it does not know itself.</summary>
    /// <param name="run">Given the parsed options and the settings; returns the exit code.</param>
    /// <param name="takesWord">Whether a word without dashes is the verb's own to read: it stands among the settings.</param>
    public static Command Verb(string name, string description, Func<ParseResult, string[], CancellationToken, Task<int>> run, bool takesWord = false)
    {
        var verb = new Command(name, description) { TreatUnmatchedTokensAsErrors = false };
        verb.SetAction(async (parsed, cancellationToken) =>
        {
            if (FirstNoSetting([.. parsed.UnmatchedTokens.Where(token => !takesWord || token.StartsWith('-'))]) is { } wrong)
            {
                await Console.Error.WriteLineAsync($"{Printable(wrong)} is no option of {name} and no setting (--Section:Key=value). '{name} --help' lists the options.");
                return Usage;
            }

            return await run(parsed, [.. parsed.UnmatchedTokens], cancellationToken);
        });
        return verb;
    }

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
    public static Command StorageVerb(string name, string description, Func<ParseResult, IServiceProvider, CancellationToken, Task<int>> run) =>
        Verb(name, description, async (parsed, settings, cancellationToken) =>
        {
            await using var app = Build(settings);
            await app.Services.MigrateOnStartAsync(cancellationToken);
            await using var scope = app.Services.CreateAsyncScope();
            return await run(parsed, scope.ServiceProvider, cancellationToken);
        });

    /// <summary>The parts of the server for a verb. Standard output belongs to its result: what is logged goes to standard error, and is little.</summary>
    public static WebApplication Build(string[] settings) => Program.Build(settings, builder =>
    {
        builder.Services.Configure<ConsoleLoggerOptions>(console => console.LogToStandardErrorThreshold = LogLevel.Trace);
        builder.Logging.AddFilter<ConsoleLoggerProvider>((category, level) => level >= LogLevel.Warning || category == typeof(Pruning).FullName);
    });

    /// <summary>
    /// Puts what an operator did into the security log, when that is a file: several processes may write to it. Where it
    /// goes to standard output, that of a verb is not the place.
    /// </summary>
    public static void Record(IServiceProvider services, SecurityEvent done)
    {
        if (services.GetRequiredService<IOptions<McpOptions>>().Value.SecurityLogging.LogToFile)
        {
            services.GetRequiredService<SecurityLog>().Write(null, done with { Reason = "by the command line" });
        }
    }

    /// <summary>Words that a client, a browser or a provider chose: no control character of them reaches a terminal.</summary>
    public static string Printable(string? text) => string.Concat((text ?? "-").Select(character => char.IsControl(character) ? '?' : character));

    /// <summary>In UTC, to the second; 20 characters.</summary>
    public static string Moment(DateTimeOffset? moment) => moment?.ToString("u", CultureInfo.InvariantCulture) ?? "-";
}
