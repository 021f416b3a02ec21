using System.CommandLine;
using System.Text.Json;
using McpIdentity.Server.Policy;

namespace McpIdentity.Server.Commands;

/// <summary>The document that an operator proposes (<c>--file</c>), and in whose place (<c>--replaces</c>).</summary>
internal static class ProposedPolicy
{
    public static readonly Option<string> File = new("--file") { Description = "A policy that is only proposed: a JSON file with Groups and Rules." };

    public static readonly Option<string> Replaces = MakeReplaces();

    /// <summary>Reads a document, as JSON that may have comments.</summary>
    /// <param name="path">Of the file; null: none is proposed.</param>
    /// <param name="replaces">In whose place.</param>
    /// <returns>The document, if there is one; and whether it could be read: else it has been said why not.</returns>
    public static async Task<(JsonElement? Document, bool IsRead)> ReadAsync(string? path, string? replaces = null)
    {
        if (path is null)
        {
            return (null, true);
        }

        try
        {
            var json = (await System.IO.File.ReadAllBytesAsync(path)).AsMemory();
            json = json.Span.StartsWith("\uFEFF"u8) ? json[3..] : json;
            if (ProblemOf(json.ToArray(), replaces) is not { } problem)
            {
                return (JsonElement.Parse(json.Span, new JsonDocumentOptions { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true }), true);
            }

            await SayAsync([problem]);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ArgumentException or JsonException)
        {
            await SayAsync([exception.Message]);
        }

        return (null, false);
    }

    // What is no JSON; all else the operation says.
    private static string? ProblemOf(byte[] json, string? replaces)
    {
        var title = replaces == "file" ? PolicyDocument.File : PolicyDocument.Stored;
        return PolicyDocument.Parse(title, json).Problems.FirstOrDefault(problem => problem.StartsWith($"{title} cannot be read:", StringComparison.Ordinal));
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
