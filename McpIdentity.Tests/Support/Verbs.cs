using McpIdentity.Server.Commands;
using NUnit.Framework.Internal;

namespace McpIdentity.Tests.Support;

/// <summary>Verbs of the command line beside a server, in this process: with its settings, and so with its database.</summary>
internal static class Verbs
{
    /// <returns>The exit code, and what went to standard output.</returns>
    public static Task<(int ExitCode, string Output)> RunAsync(TestServer server, params string[] arguments) => RunAsync([.. arguments, .. server.Settings]);

    /// <summary>With nothing but what is said.</summary>
    public static async Task<(int ExitCode, string Output)> RunAsync(string[] arguments)
    {
        // NUnit gives each test a standard output of its own.
        var result = TestExecutionContext.CurrentContext.CurrentResult;
        var before = result.Output.Length;
        var exitCode = await EntryPoint.Main(arguments);
        return (exitCode, result.Output[before..]);
    }

    /// <summary>One that does what it is told.</summary>
    public static async Task<string> DoAsync(TestServer server, params string[] arguments)
    {
        var (exitCode, output) = await RunAsync(server, arguments);
        Assert.That(exitCode, Is.Zero, output);
        return output;
    }
}
