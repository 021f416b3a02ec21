using System.CommandLine;
using McpIdentity.Server.Administration;
using McpIdentity.Server.Administration.Api;

namespace McpIdentity.Server.Commands;

/// <summary><c>tools</c>: which tools the servers behind this one have, and which of them may be used. A running server hears of it within seconds.</summary>
internal static class ToolsCommand
{
    private const int ShownOfHash = 12;

    private static readonly Argument<string> Of = new("server") { Description = "Whose; the names of tools follow." };
    private static readonly Option<bool> All = new("--all") { Description = "All that wait, as they are at this moment." };
    private static readonly Option<string?> Version = new("--version") { Description = "Of one tool: only if it is still what review showed, by the beginning of its hash." };

    public static Command Create() => new("tools", "The tools of the MCP servers behind this one.")
    {
        CommandLine.AdminVerb("list", "Lists the tools that are known, of one server or of all, and which of them may be used.", "tools list notes", ListAsync, takesWord: true).With(Table.Output),
        CommandLine.AdminVerb("review", "Shows the tools that wait, of one server or of all, and what has changed of each.", "tools review notes", ReviewAsync, takesWord: true).With(Table.Output),
        Some(CommandLine.AdminVerb("allow", "Lets tools of a server be used as they are now.", "tools allow notes delete_note --version 3f9a", AllowAsync, takesWord: true).With(All).With(Version).With(Table.Output)),
        Some(CommandLine.AdminVerb("block", "Keeps tools of a server from everybody, until they are allowed.", "tools block notes delete_note", BlockAsync, takesWord: true).With(Table.Output)),
    };

    private static Command Some(Command verb)
    {
        verb.Arguments.Add(Of);
        return verb;
    }

    private static string Short(string hash) => hash.Length > ShownOfHash ? hash[..ShownOfHash] : hash;

    private static async Task<int> ListAsync(ParseResult parsed, AdminAccess access)
    {
        var (tools, problem) = await access.ListAsync<ToolView>("list_tools", ("server", CommandLine.WordsOf(parsed).FirstOrDefault()));
        if (problem is not null)
        {
            return await Refusal.SayAsync(problem);
        }

        await Table.WriteAsync(parsed, tools!,
            new("server", tool => tool.Server), new("tool", tool => tool.Name), new("says", tool => tool.Says), new("state", tool => tool.State is "new" or "changed" ? $"waits, {tool.State}" : tool.State),
            new("version", tool => Short(tool.Version)), new("first seen", tool => tool.FirstSeenAt), new("last seen", tool => tool.LastSeenAt),
            new("reviewed", tool => tool.ReviewedAt), new("by", tool => tool.ReviewedBy));
        return 0;
    }

    private static async Task<int> ReviewAsync(ParseResult parsed, AdminAccess access)
    {
        var (waiting, problem) = await access.ListAsync<ToolChangeView>("list_tool_reviews", ("server", CommandLine.WordsOf(parsed).FirstOrDefault()));
        if (problem is not null)
        {
            return await Refusal.SayAsync(problem);
        }

        if (parsed.GetValue(Table.Output) == "json")
        {
            await Table.WriteAsync(parsed, waiting!,
                new("server", tool => tool.Server), new("tool", tool => tool.Name), new("version", tool => tool.Version), new("new", tool => tool.IsNew),
                new("changed", tool => tool.Changed), new("before", tool => tool.Before), new("after", tool => tool.After));
            return 0;
        }

        foreach (var tool in waiting!)
        {
            var members = tool.Changed.Count > 0 ? $": {string.Join(", ", tool.Changed)}" : "";
            Console.WriteLine($"{CommandLine.Printable(tool.Server)} {CommandLine.Printable(tool.Name)}, version {Short(tool.Version)}, {(tool.IsNew ? "is new" : $"has changed{members}")}");
            foreach (var line in tool.Difference)
            {
                Console.WriteLine("  " + CommandLine.Printable(line));
            }
        }

        var count = waiting.Count;
        await Console.Error.WriteLineAsync(count == 0 ? "No tool waits for a review." : $"{count} wait. 'tools allow SERVER TOOL --version …' lets one be used as it is shown here, 'tools block' keeps it away.");
        return 0;
    }

    private static async Task<int> AllowAsync(ParseResult parsed, AdminAccess access)
    {
        var (names, all, version) = (CommandLine.WordsOf(parsed), parsed.GetValue(All), parsed.GetValue(Version));
        if (all == names.Length > 0 || (version is not null && names.Length != 1))
        {
            await Console.Error.WriteLineAsync("Name tools, or say --all; --version goes with one name.");
            return ExitCode.Usage;
        }

        var (decision, problem) = await access.SendAsync<ToolDecision>("allow_tools", new AllowTools([.. names.Select(name => new ToolChoice(name, version))], all), ("server_name", parsed.GetRequiredValue(Of)));
        return problem is null ? await SayAsync(parsed, "allowed", decision!) : await Refusal.SayAsync(problem);
    }

    private static async Task<int> BlockAsync(ParseResult parsed, AdminAccess access)
    {
        var (decision, problem) = await access.SendAsync<ToolDecision>("block_tools", new BlockTools(CommandLine.WordsOf(parsed)), ("server_name", parsed.GetRequiredValue(Of)));
        return problem is null ? await SayAsync(parsed, "blocked", decision!) : await Refusal.SayAsync(problem);
    }

    private static async Task<int> SayAsync(ParseResult parsed, string what, ToolDecision decision)
    {
        if (Table.IsJson(parsed))
        {
            await Table.WriteAsync(parsed, decision.Done, new("server", _ => decision.Server), new("tool", tool => tool), new("done", _ => what));
        }

        foreach (var tool in Table.IsJson(parsed) || CommandLine.IsQuiet(parsed) ? [] : decision.Done)
        {
            Console.WriteLine($"{what}: {decision.Server} {CommandLine.Printable(tool)}");
        }

        foreach (var left in decision.ChangedMeanwhile)
        {
            await Console.Error.WriteLineAsync($"{CommandLine.Printable(left)} has changed at this moment: look at it again.");
        }

        return decision.ChangedMeanwhile.Count == 0 ? ExitCode.Ok : ExitCode.Conflict;
    }
}
