using System.CommandLine;
using System.Text.Json;
using McpIdentity.Mcp.Audit;
using McpIdentity.Migrations;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Administration;
using McpIdentity.Server.Catalogue;
using McpIdentity.Server.Settings;
using Microsoft.EntityFrameworkCore;

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
        CommandLine.StorageVerb("list", "Lists the tools that are known, of one server or of all, and which of them may be used.", "tools list notes", ListAsync, takesWord: true).With(Table.Output),
        CommandLine.StorageVerb("review", "Shows the tools that wait, of one server or of all, and what has changed of each.", "tools review notes", ReviewAsync, takesWord: true).With(Table.Output),
        Some(CommandLine.StorageVerb("allow", "Lets tools of a server be used as they are now.", "tools allow notes delete_note --version 3f9a", AllowAsync, takesWord: true).With(All).With(Version)),
        Some(CommandLine.StorageVerb("block", "Keeps tools of a server from everybody, until they are allowed.", "tools block notes delete_note", BlockAsync, takesWord: true)),
    };

    /// <summary>What a tool says of itself, in a word; what it does not say is the worst (MCP, <c>ToolAnnotations</c>).</summary>
    public static string Says(CatalogueTool tool) => tool switch
    {
        { ReadOnly: true, Destructive: not true } => "reads",
        { Destructive: false } => "changes",
        { ReadOnly: null, Destructive: null } => "nothing",
        _ => "destroys",
    };

    private static Command Some(Command verb)
    {
        verb.Arguments.Add(Of);
        return verb;
    }

    private static async Task<int> ListAsync(ParseResult parsed, IServiceProvider services, CancellationToken cancellationToken)
    {
        if (await RowsAsync(parsed, services, cancellationToken) is not { } rows)
        {
            return 1;
        }

        await Table.WriteAsync(parsed, rows,
            new("server", one => one.Row.Server), new("tool", one => one.Row.Name), new("says", one => Says(one.Known.Seen)), new("state", one => StateOf(one.Known, one.Review)),
            new("version", one => one.Row.Hash[..ShownOfHash]), new("first seen", one => one.Row.FirstSeenAt), new("last seen", one => one.Row.LastSeenAt),
            new("reviewed", one => one.Row.ReviewedAt), new("by", one => one.Row.ReviewedBy));
        return 0;
    }

    private static async Task<int> ReviewAsync(ParseResult parsed, IServiceProvider services, CancellationToken cancellationToken)
    {
        if (await RowsAsync(parsed, services, cancellationToken) is not { } rows)
        {
            return 1;
        }

        var waiting = rows.Where(one => one.Known.IsWaiting(one.Review)).Select(one => (one.Row, Change: ToolChange.Of(one.Row))).ToList();
        if (parsed.GetValue(Table.Output) == "json")
        {
            await Table.WriteAsync(parsed, waiting,
                new("server", one => one.Row.Server), new("tool", one => one.Row.Name), new("version", one => one.Row.Hash), new("new", one => one.Change.IsNew),
                new("changed", one => one.Change.Members), new("before", one => one.Change.Before), new("after", one => one.Change.After));
            return 0;
        }

        foreach (var (row, change) in waiting)
        {
            var members = change.Members.Count > 0 ? $": {string.Join(", ", change.Members)}" : "";
            Console.WriteLine($"{row.Server} {CommandLine.Printable(row.Name)}, version {row.Hash[..ShownOfHash]}, {(change.IsNew ? "is new" : $"has changed{members}")}");
            foreach (var line in LineDiff.Of(change.Before, change.After))
            {
                Console.WriteLine("  " + CommandLine.Printable(line));
            }
        }

        await Console.Error.WriteLineAsync(waiting.Count == 0 ? "No tool waits for a review." : $"{waiting.Count} wait. 'tools allow SERVER TOOL --version …' lets one be used as it is shown here, 'tools block' keeps it away.");
        return 0;
    }

    private static async Task<int> AllowAsync(ParseResult parsed, IServiceProvider services, CancellationToken cancellationToken)
    {
        var (names, all, version) = (CommandLine.WordsOf(parsed), parsed.GetValue(All), parsed.GetValue(Version));
        if (all == names.Length > 0 || (version is not null && names.Length != 1))
        {
            await Console.Error.WriteLineAsync("Name tools, or say --all; --version goes with one name.");
            return 2;
        }

        if (await RowsAsync(parsed, services, cancellationToken, Of) is not { } rows || await MissingAsync(rows, names))
        {
            return 1;
        }

        var chosen = rows.Where(one => all ? one.Known.IsWaiting(one.Review) : names.Contains(one.Row.Name)).ToDictionary(one => one.Row.Name, one => (string?)one.Row.Hash, StringComparer.Ordinal);
        if (version is not null && chosen.Single() is var (tool, hash) && !hash!.StartsWith(version, StringComparison.OrdinalIgnoreCase))
        {
            await Console.Error.WriteLineAsync($"{CommandLine.Printable(tool)} has changed since: it is version {hash[..ShownOfHash]} now. 'tools review' shows how.");
            return 1;
        }

        var server = parsed.GetRequiredValue(Of);
        var allowed = await services.GetRequiredService<ToolReviews>().AllowAsync(server, chosen, Operator.OfThisMachine.Name, cancellationToken);
        await SayAsync(services, "allowed", server, allowed);
        foreach (var left in chosen.Keys.Except(allowed))
        {
            await Console.Error.WriteLineAsync($"{CommandLine.Printable(left)} has changed at this moment: look at it again.");
        }

        return allowed.Count == chosen.Count ? 0 : 1;
    }

    private static async Task<int> BlockAsync(ParseResult parsed, IServiceProvider services, CancellationToken cancellationToken)
    {
        var names = CommandLine.WordsOf(parsed);
        if (names.Length == 0)
        {
            await Console.Error.WriteLineAsync("Name at least one tool.");
            return 2;
        }

        if (await RowsAsync(parsed, services, cancellationToken, Of) is not { } rows || await MissingAsync(rows, names))
        {
            return 1;
        }

        var server = parsed.GetRequiredValue(Of);
        await SayAsync(services, "blocked", server, await services.GetRequiredService<ToolReviews>().BlockAsync(server, names, Operator.OfThisMachine.Name, cancellationToken));
        return 0;
    }

    private static async Task SayAsync(IServiceProvider services, string what, string server, IReadOnlyList<string> tools)
    {
        foreach (var tool in tools)
        {
            await services.RecordActAsync(SecurityEvent.Success($"tool_{what}") with { Server = server, Tool = tool });
            Console.WriteLine($"{what}: {server} {CommandLine.Printable(tool)}");
        }
    }

    private static async Task<bool> MissingAsync(IReadOnlyList<(GatewayTool Row, KnownTool Known, ToolReview Review)> rows, string[] names)
    {
        string[] missing = [.. names.Except(rows.Select(one => one.Row.Name))];
        foreach (var name in missing)
        {
            await Console.Error.WriteLineAsync($"No list has had a tool {CommandLine.Printable(name)}. 'tools list' shows those that are known; a rule of the policy can deny one that is not.");
        }

        return missing.Length > 0;
    }

    private static async Task<IReadOnlyList<(GatewayTool Row, KnownTool Known, ToolReview Review)>?> RowsAsync(
        ParseResult parsed, IServiceProvider services, CancellationToken cancellationToken, Argument<string>? required = null)
    {
        var only = required is null ? CommandLine.WordsOf(parsed).FirstOrDefault() : parsed.GetRequiredValue(required);
        if (only is not null && await FrontedServerName.FindAsync(services, only, cancellationToken) is null)
        {
            return null;
        }

        var servers = (await FrontedServerName.AllAsync(services, cancellationToken)).Where(server => server.Problem is null).ToDictionary(server => server.Name, server => server.Review);
        return [.. (await services.GetRequiredService<McpIdentityDbContext>().GatewayTools.AsNoTracking().Where(row => only == null || row.Server == only).ToListAsync(cancellationToken))
            .OrderBy(row => row.Server, StringComparer.Ordinal).ThenBy(row => row.Name, StringComparer.Ordinal)
            .Select(row => (row, FrontedServerName.Known(row), servers.GetValueOrDefault(row.Server)))];
    }

    private static string StateOf(KnownTool tool, ToolReview review) =>
        tool.State == GatewayToolState.Blocked ? "blocked"
        : !tool.IsHeld(review) ? "open"
        : tool.ReviewedHash is null && tool.Seen.Hash == tool.FirstHash ? "waits, new"
        : "waits, changed";

    /// <summary>What has changed of a tool since it was trusted.</summary>
    private sealed record ToolChange(bool IsNew, IReadOnlyList<string> Members, string Before, string After)
    {
        private const string NotKept = "(too long to keep: only its hash is known)";

        public static ToolChange Of(GatewayTool row)
        {
            var isNew = row.Hash == (row.ReviewedHash ?? row.FirstHash);
            using var after = row.Document is null ? null : JsonDocument.Parse(row.Document);
            using var before = isNew || row.TrustedDocument is null ? null : JsonDocument.Parse(row.TrustedDocument);
            return new ToolChange(
                isNew,
                before is not null && after is not null ? CatalogueTool.ChangedMembers(before.RootElement, after.RootElement) : [],
                isNew ? "" : before is null ? NotKept : CatalogueTool.Text(before.RootElement, "description") ?? "",
                after is null ? NotKept : CatalogueTool.Text(after.RootElement, "description") ?? "");
        }
    }
}
