using System.CommandLine;
using McpIdentity.Server.Gateway;
using McpIdentity.Server.Policy;
using McpIdentity.Server.Settings;

namespace McpIdentity.Server.Commands;

/// <summary>The document that an operator proposes (<c>--file</c>), and in whose place (<c>--replaces</c>).</summary>
internal static class PolicyProposal
{
    public static readonly Option<string> File = new("--file") { Description = "A policy that is only proposed: a JSON file with Groups and Rules." };

    public static readonly Option<string> Replaces = MakeReplaces();

    /// <summary>What is in force, read anew, with the servers that its rules name.</summary>
    public static async Task<PolicyInForce> InForceAsync(IServiceProvider services, CancellationToken cancellationToken)
    {
        await services.LoadStoredServersAsync(cancellationToken);
        await services.GetRequiredService<PolicyFeed>().LoadAsync(cancellationToken);
        var inForce = services.GetRequiredService<PolicyInForce>();
        if (inForce.Problem is { } problem)
        {
            await Console.Error.WriteLineAsync(problem);
        }

        return inForce;
    }

    /// <returns>The proposed document and what it takes the place of; null when it cannot be used, which has been said.</returns>
    public static async Task<(PolicyOptions Proposed, PolicyOptions? Replaced, PolicySet Policy)?> ReadAsync(string path, bool asFile, PolicyInForce inForce)
    {
        if (await ReadBytesAsync(path) is not { } json)
        {
            return null;
        }

        var title = asFile ? PolicyDocument.File : PolicyDocument.Stored;
        var proposed = PolicyDocument.Parse(title, json);
        string[] problems = [.. PolicyCheck.Problems(proposed, inForce.Above(asFile))];
        if (problems.Length > 0)
        {
            await SayAsync(problems);
            return null;
        }

        return (proposed, inForce.Current.Documents.FirstOrDefault(document => document.Title == title), inForce.With(proposed, asFile));
    }

    /// <returns>What would be in force with the proposed document, or what is where there is none; null when it cannot be used, which has been said.</returns>
    public static async Task<PolicySet?> PolicyAsync(ParseResult parsed, PolicyInForce inForce) =>
        parsed.GetValue(File) is { } path ? (await ReadAsync(path, IsFile(parsed), inForce))?.Policy : inForce.Current;

    public static bool IsFile(ParseResult parsed) => parsed.GetValue(Replaces) == "file";

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

    /// <summary>All that is wrong, one a line.</summary>
    public static async Task SayAsync(IEnumerable<string> problems)
    {
        foreach (var problem in problems)
        {
            await Console.Error.WriteLineAsync(CommandLine.Printable(problem));
        }
    }

    private static Option<string> MakeReplaces()
    {
        var replaces = new Option<string>("--replaces") { Description = "What --file would take the place of: stored (the policy that was applied) or file (that of Policy:File).", DefaultValueFactory = _ => "stored" };
        replaces.AcceptOnlyFromAmong("stored", "file");
        return replaces;
    }
}
