using McpIdentity.Server.Administration;

namespace McpIdentity.Server.Commands;

/// <summary>Why a verb did not do what it was told, from the operation that it called.</summary>
internal static class Refusal
{
    private const int Failed = 1;
    private const int Usage = 2;

    /// <summary>Says it on standard error.</summary>
    /// <returns>The exit code.</returns>
    public static async Task<int> SayAsync(AdminProblem problem)
    {
        foreach (var line in problem.Detail.Split('\n'))
        {
            await Console.Error.WriteLineAsync(CommandLine.Printable(line));
        }

        return problem.Code == AdminProblem.InvalidRequest ? Usage : Failed;
    }
}
