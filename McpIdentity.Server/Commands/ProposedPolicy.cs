using System.CommandLine;
using McpIdentity.Server.Administration;

namespace McpIdentity.Server.Commands;

/// <summary>The document that an operator proposes (<c>--file</c>), and in whose place (<c>--replaces</c>).</summary>
internal static class ProposedPolicy
{
    public static readonly Option<string> File = new("--file") { Description = "A policy that is only proposed: a JSON file with Groups and Rules." };

    public static readonly Option<string> Replaces = MakeReplaces();

    /// <returns>The proposal, if there is one; and whether it could be read: else it has been said why not.</returns>
    public static async Task<(PolicyProposal? Proposal, bool IsRead)> ReadAsync(ParseResult parsed, string? path) =>
        path is null ? (null, true)
        : await ReadBytesAsync(path) is { } json ? (new PolicyProposal(json, parsed.GetValue(Replaces) == "file"), true)
        : (null, false);

    /// <summary>A file's content; null when it cannot be read, which has been said.</summary>
    public static async Task<byte[]?> ReadBytesAsync(string path)
    {
        try
        {
            return await System.IO.File.ReadAllBytesAsync(path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ArgumentException)
        {
            await Console.Error.WriteLineAsync(CommandLine.Printable(exception.Message));
            return null;
        }
    }

    /// <summary>All that is odd, one a line.</summary>
    public static async Task SayAsync(IEnumerable<string> warnings)
    {
        foreach (var warning in warnings)
        {
            await Console.Error.WriteLineAsync(CommandLine.Printable(warning));
        }
    }

    private static Option<string> MakeReplaces()
    {
        var replaces = new Option<string>("--replaces") { Description = "What --file would take the place of: stored (the policy that was applied) or file (that of Policy:File).", DefaultValueFactory = _ => "stored" };
        replaces.AcceptOnlyFromAmong("stored", "file");
        return replaces;
    }
}
