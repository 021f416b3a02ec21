using McpIdentity.Server.Hosting;
using McpIdentity.Server.Operations;

namespace McpIdentity.Server.Commands;

/// <summary>The process begins here; what it serves is <see cref="Program"/>'s, and what it does instead <see cref="CommandLine"/>'s, whose parser a server does without.</summary>
internal static class EntryPoint
{
    /// <returns>Of <see cref="ExitCode"/>.</returns>
    public static async Task<int> Main(string[] args)
    {
        // No verb means serve; whatever begins with a dash is a setting, and settings are the configuration's to read.
        var isVerb = args.Length > 0 && (!args[0].StartsWith('-') || args[0] is "--help" or "-h" or "-?" or "--version");
        var serves = !isVerb || args[0] == "serve";
        if (serves && ConnectionLimit.Refusal is { } refusal)
        {
            await Console.Error.WriteLineAsync(refusal);
            return ExitCode.Failed;
        }

        if (!serves)
        {
            PrintedText.Install(); // what a server says is its log, which is cleaned as it is written
        }

        try
        {
            return await Interruption.RunAsync(cancellationToken => isVerb || !args.All(IsPlainSetting)
                ? CommandLine.InvokeAsync(isVerb ? args : ["serve", .. args], cancellationToken)
                : ServeCommand.RunAsync(args, cancellationToken));
        }
        catch (OperationCanceledException exception) when (exception.InnerException is not TimeoutException)
        {
            await Console.Error.WriteLineAsync("Interrupted before it was done.");
            return ExitCode.Interrupted;
        }
        catch (VerbFailure failure)
        {
            await Console.Error.WriteLineAsync(failure.Message);
            return failure.ExitCode;
        }
        catch (Exception exception)
        {
            await Console.Error.WriteLineAsync(Failures.Describe(exception));
            if (IsDebugging)
            {
                await Console.Error.WriteLineAsync(exception.ToString());
            }

            return Failures.IsAway(exception) ? ExitCode.Unavailable : ExitCode.Failed;
        }
    }

    // What no verb could have as an option (--Section:Key=value): a server that is given nothing else starts without a parser.
    private static bool IsPlainSetting(string word) =>
        word.StartsWith("--", StringComparison.Ordinal) && word.IndexOf(':', StringComparison.Ordinal) is var colon and > 2 && word.IndexOf('=', StringComparison.Ordinal) > colon;

    private static bool IsDebugging => Environment.GetEnvironmentVariable("LOG_LEVEL")?.Trim().ToUpperInvariant() is "DEBUG" or "TRACE";
}
