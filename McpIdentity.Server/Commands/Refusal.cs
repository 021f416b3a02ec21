using McpIdentity.Server.Administration;

namespace McpIdentity.Server.Commands;

/// <summary>Why a verb did not do what it was told, from the operation that it called.</summary>
internal static class Refusal
{
    /// <summary>Says it on standard error.</summary>
    /// <returns>The exit code.</returns>
    public static async Task<int> SayAsync(AdminProblem problem)
    {
        foreach (var line in problem.Detail.Split('\n'))
        {
            await Console.Error.WriteLineAsync(CommandLine.Printable(line));
        }

        return ExitCode.Of(problem);
    }
}
