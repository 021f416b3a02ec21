using System.CommandLine;
using McpIdentity.Server.Hosting;
using McpIdentity.Server.Persistence;

namespace McpIdentity.Server.Operations;

/// <summary>The server binary is the command line: <c>serve</c> is what runs when no verb is named.</summary>
internal static class CommandLine
{
    private const int Failed = 1;

    public static async Task<int> RunAsync(string[] args)
    {
        var root = new RootCommand("McpIdentity, an authorization server for MCP. Settings are passed as --Section:Key=value.")
        {
            Verb("serve", "Runs the server (the default).", ServeAsync),
            Verb("migrate", "Creates the database and applies pending migrations.", MigrateAsync),
        };
        // No verb means serve; whatever begins with a dash is a setting, and settings are the configuration's to read.
        var isVerb = args.Length > 0 && (!args[0].StartsWith('-') || args[0] is "--help" or "-h" or "-?" or "--version");
        try
        {
            return await root.Parse(isVerb ? args : ["serve", .. args])
                .InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
        }
        catch (Exception exception) when (exception is ConfigurationProblems.InvalidConfigurationException or InvalidOperationException or IOException)
        {
            // What an operator can mend: one message, no stack.
            await Console.Error.WriteLineAsync(exception.Message);
            return Failed;
        }
    }

    private static Command Verb(string name, string description, Func<string[], CancellationToken, Task> run)
    {
        var verb = new Command(name, description) { TreatUnmatchedTokensAsErrors = false };
        verb.SetAction(async (parsed, cancellationToken) =>
        {
            await run([.. parsed.UnmatchedTokens], cancellationToken);
            return 0;
        });
        return verb;
    }

    private static async Task ServeAsync(string[] settings, CancellationToken cancellationToken)
    {
        await using var app = Program.Build(settings);
        var applied = await Program.PrepareAsync(app, cancellationToken);
        await app.StartAsync(cancellationToken);
        app.PrintBanner(applied);
        await app.WaitForShutdownAsync(cancellationToken);
    }

    private static async Task MigrateAsync(string[] settings, CancellationToken cancellationToken)
    {
        await using var app = Program.Build(settings);
        Console.WriteLine($"Migrating {app.Services.DescribeDatabase()} ...");
        var applied = await app.Services.MigrateAsync(cancellationToken);
        Console.WriteLine(applied.Count == 0 ? "Up to date." : $"Applied: {string.Join(", ", applied)}");
    }
}
