using System.CommandLine;

namespace McpIdentity.Server.Commands;

/// <summary>A question before what cannot be undone. Where nobody can answer, <c>--yes</c> must say it before.</summary>
internal static class Confirmation
{
    public static readonly Option<bool> Yes = new("--yes", "-y") { Description = "Does it without asking: for scripts." };

    /// <summary>Whether a question waits for its answer.</summary>
    public static bool IsAsking { get; private set; }

    /// <param name="parsed">What was written.</param>
    /// <param name="what">What will be gone, as a sentence.</param>
    /// <returns>Whether to go on.</returns>
    public static async Task<bool> AskAsync(ParseResult parsed, string what)
    {
        if (parsed.GetValue(Yes))
        {
            return true;
        }

        if (Console.IsInputRedirected)
        {
            await Console.Error.WriteLineAsync($"{what} This cannot be undone: say --yes. Nothing was done.");
            return false;
        }

        IsAsking = true;
        await Console.Error.WriteAsync($"{what} This cannot be undone. Go on? [y/N] ");
        var answer = Console.ReadLine();
        IsAsking = false;
        if (answer?.Trim().ToUpperInvariant() is "Y" or "YES")
        {
            return true;
        }

        await Console.Error.WriteLineAsync("Nothing was done.");
        return false;
    }
}
