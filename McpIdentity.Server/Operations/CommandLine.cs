using System.CommandLine;
using System.CommandLine.Invocation;
using McpIdentity.Server.Hosting;

namespace McpIdentity.Server.Operations;

/// <summary>The server binary is the command line: <c>serve</c> is what runs when no verb is named.</summary>
internal static class CommandLine
{
    private const int Failed = 1;
    private const int Usage = 2;

    // One file a verb, each with a Create(). Settings (--Section:Key=value) may follow every verb.
    private static RootCommand Root => new("McpIdentity, an authorization server for MCP. Settings are passed as --Section:Key=value.")
    {
        ServeCommand.Create(),
        MigrateCommand.Create(),
        SessionsCommand.Create(),
        UsersCommand.Create(),
        ConfigCommand.Create(),
        DoctorCommand.Create(),
        HealthCheckCommand.Create(),
        KeygenCommand.Create(),
        TokenCommand.Create(),
    };

    public static async Task<int> RunAsync(string[] args)
    {
        // No verb means serve; whatever begins with a dash is a setting, and settings are the configuration's to read.
        var isVerb = args.Length > 0 && (!args[0].StartsWith('-') || args[0] is "--help" or "-h" or "-?" or "--version");
        try
        {
            var parsed = Root.Parse(isVerb ? args : ["serve", .. args]);
            var exitCode = await parsed.InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
            return parsed.Action is ParseErrorAction ? Usage : exitCode;
        }
        catch (Exception exception) when (exception is ConfigurationProblems.InvalidConfigurationException or InvalidOperationException or IOException)
        {
            // What an operator can mend: one message, no stack.
            await Console.Error.WriteLineAsync(exception.Message);
            return Failed;
        }
    }

    /// <summary>A verb that reads settings from whatever it does not know itself.</summary>
    /// <param name="run">Given the parsed options and the settings; returns the exit code.</param>
    public static Command Verb(string name, string description, Func<ParseResult, string[], CancellationToken, Task<int>> run)
    {
        var verb = new Command(name, description) { TreatUnmatchedTokensAsErrors = false };
        verb.SetAction((parsed, cancellationToken) => run(parsed, [.. parsed.UnmatchedTokens], cancellationToken));
        return verb;
    }
}
