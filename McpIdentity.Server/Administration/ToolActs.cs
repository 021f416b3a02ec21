using System.Text.Json;
using McpIdentity.Mcp.Audit;
using McpIdentity.Migrations;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Administration.Api;
using McpIdentity.Server.Catalogue;
using McpIdentity.Server.Settings;
using Microsoft.EntityFrameworkCore;

namespace McpIdentity.Server.Administration;

/// <summary>A tool of a server behind this one.</summary>
/// <param name="Says">What it says of itself: <c>reads</c>, <c>changes</c>, <c>destroys</c> or <c>nothing</c>.</param>
/// <param name="State"><c>open</c>, <c>blocked</c>, or why it waits for a review: <c>new</c>, <c>changed</c>.</param>
/// <param name="Version">A hash of everything that a model reads of it.</param>
internal sealed record ToolView(
    string Server, string Name, string? Title, string? Description, string Says, string State, string Version, DateTimeOffset FirstSeenAt, DateTimeOffset LastSeenAt, DateTimeOffset? ReviewedAt, string? ReviewedBy);

/// <summary>A tool that waits, and what has changed of it since it was trusted.</summary>
internal sealed record ToolChangeView(string Server, string Name, string Version, bool IsNew, IReadOnlyList<string> Changed, string Before, string After)
{
    /// <summary>The description line by line, with what came and went.</summary>
    public IReadOnlyList<string> Difference => [.. LineDiff.Of(Before, After)];
}

/// <summary>A tool that somebody decides about.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Version">Only if it is still what was looked at, by the beginning of its hash; null: as it is now.</param>
internal sealed record ToolChoice(string Name, string? Version = null);

/// <summary>What became of a decision.</summary>
/// <param name="Done">The tools that are so now.</param>
/// <param name="ChangedMeanwhile">Those that became others at the same moment: to be looked at again.</param>
internal sealed record ToolDecision(string Server, IReadOnlyList<string> Done, IReadOnlyList<string> ChangedMeanwhile);

/// <summary>Which tools the servers behind this one have, and which of them may be used.</summary>
internal sealed class ToolActs(McpIdentityDbContext db, ToolReviews reviews, IServiceProvider services, OperatorRecord record)
{
    public const string Open = "open";

    private const string NotKept = "(too long to keep: only its hash is known)";
    private const int ShownOfHash = 12;

    /// <summary>What a tool says of itself, in a word; what it does not say is the worst (MCP, <c>ToolAnnotations</c>).</summary>
    public static string Says(CatalogueTool tool) => tool switch
    {
        { ReadOnly: true, Destructive: not true } => "reads",
        { Destructive: false } => "changes",
        { ReadOnly: null, Destructive: null } => "nothing",
        _ => "destroys",
    };

    /// <summary>Those that are known, by server and name.</summary>
    /// <param name="server">Of which server; null: of all.</param>
    /// <param name="state">In which state; null: in any.</param>
    /// <param name="slice">Which part.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    public async Task<Outcome<AdminPage<ToolView>>> ListAsync(string? server, string? state, Slice slice, CancellationToken cancellationToken)
    {
        var (known, problem) = await KnownAsync(server, cancellationToken);
        return problem is not null ? problem
            : slice.OfSorted(
                known!.Where(tool => state is null || tool.State == state).Select(tool => new ToolView(
                    tool.Row.Server, tool.Row.Name, tool.Row.Title, tool.Row.Description, Says(tool.Known.Seen), tool.State, tool.Row.Hash, tool.Row.FirstSeenAt, tool.Row.LastSeenAt,
                    tool.Row.ReviewedAt, tool.Row.ReviewedBy)),
                KeyOf);
    }

    /// <summary>Those that wait, and what has changed of each.</summary>
    /// <inheritdoc cref="ListAsync"/>
    public async Task<Outcome<AdminPage<ToolChangeView>>> ReviewAsync(string? server, Slice slice, CancellationToken cancellationToken)
    {
        var (known, problem) = await KnownAsync(server, cancellationToken);
        if (problem is not null)
        {
            return problem;
        }

        var waiting = slice.OfSorted(known!.Where(tool => tool.Known.IsWaiting(tool.Review)), tool => KeyOf(tool.Row.Server, tool.Row.Name));
        var changes = new List<ToolChangeView>();
        foreach (var (row, _, _, _) in waiting.Items)
        {
            // The documents are long: only of what is shown.
            var full = await db.GatewayTools.AsNoTracking().FirstOrDefaultAsync(stored => stored.Server == row.Server && stored.Name == row.Name, cancellationToken);
            changes.Add(ChangeOf(full ?? row));
        }

        return new AdminPage<ToolChangeView>(changes, waiting.Next);
    }

    /// <summary>Lets tools be used as they are now.</summary>
    /// <param name="by">Who says so.</param>
    /// <param name="server">Whose.</param>
    /// <param name="choices">Which.</param>
    /// <param name="all">All that wait, as they are at this moment.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    public async Task<Outcome<ToolDecision>> AllowAsync(Operator by, string server, IReadOnlyList<ToolChoice> choices, bool all, CancellationToken cancellationToken)
    {
        if (all == choices.Count > 0)
        {
            return AdminProblem.Invalid(("tools", "Name tools, or say that all are meant that wait."));
        }

        var (known, problem) = await KnownAsync(server, cancellationToken);
        if ((problem ?? MissingOf(known!, choices)) is { } wrong)
        {
            return wrong;
        }

        foreach (var choice in choices.Where(choice => choice.Version is not null))
        {
            if (known!.Single(tool => tool.Row.Name == choice.Name).Row.Hash is var hash && !hash.StartsWith(choice.Version!, StringComparison.OrdinalIgnoreCase))
            {
                return AdminProblem.Conflict("tool_changed", $"{choice.Name} has changed since: it is version {hash[..ShownOfHash]} now. Look at it again (tools review).");
            }
        }

        var chosen = known!.Where(tool => all ? tool.Known.IsWaiting(tool.Review) : choices.Any(choice => choice.Name == tool.Row.Name)).ToDictionary(tool => tool.Row.Name, tool => (string?)tool.Row.Hash, StringComparer.Ordinal);
        var name = known!.Count > 0 ? known[0].Row.Server : server;
        var allowed = await reviews.AllowAsync(name, chosen, by.Name, cancellationToken);
        await RecordAsync(by, "tool_allowed", name, allowed);
        return new ToolDecision(name, allowed, [.. chosen.Keys.Except(allowed)]);
    }

    /// <summary>Keeps tools from everybody, until they are allowed.</summary>
    public async Task<Outcome<ToolDecision>> BlockAsync(Operator by, string server, IReadOnlyList<ToolChoice> choices, CancellationToken cancellationToken)
    {
        if (choices.Count == 0)
        {
            return AdminProblem.Invalid(("tools", "Name at least one tool."));
        }

        var (known, problem) = await KnownAsync(server, cancellationToken);
        if ((problem ?? MissingOf(known!, choices)) is { } wrong)
        {
            return wrong;
        }

        var name = known![0].Row.Server;
        var blocked = await reviews.BlockAsync(name, choices.Select(choice => choice.Name), by.Name, cancellationToken);
        await RecordAsync(by, "tool_blocked", name, blocked);
        return new ToolDecision(name, blocked, []);
    }

    private async Task RecordAsync(Operator by, string what, string server, IReadOnlyList<string> tools)
    {
        foreach (var tool in tools)
        {
            await record.WriteAsync(by, SecurityEvent.Success(what) with { Server = server, Tool = tool });
        }
    }

    private static AdminProblem? MissingOf(IReadOnlyList<Tool> known, IReadOnlyList<ToolChoice> choices)
    {
        string[] missing = [.. choices.Select(choice => choice.Name).Except(known.Select(tool => tool.Row.Name))];
        return missing.Length == 0 ? null : new AdminProblem(
            "tool_not_found", StatusCodes.Status404NotFound,
            string.Join('\n', missing.Select(name => $"No list has had a tool {name}. 'tools list' shows those that are known; a rule of the policy can deny one that is not.")));
    }

    private async Task<Outcome<IReadOnlyList<Tool>>> KnownAsync(string? only, CancellationToken cancellationToken)
    {
        if (only is not null)
        {
            var (server, problem) = await KnownServer.FindAsync(services, only, cancellationToken);
            if (problem is not null)
            {
                return problem;
            }

            only = server!.Name;
        }

        var servers = (await KnownServer.AllAsync(services, cancellationToken)).Where(server => server.Problem is null).ToDictionary(server => server.Name, server => server.Review);
        var rows = await db.GatewayTools.AsNoTracking().Where(row => only == null || row.Server == only).Select(row => new GatewayTool
        {
            Server = row.Server,
            Name = row.Name,
            Hash = row.Hash,
            Title = row.Title,
            Description = row.Description,
            ReadOnly = row.ReadOnly,
            Destructive = row.Destructive,
            FirstSeenAt = row.FirstSeenAt,
            LastSeenAt = row.LastSeenAt,
            State = row.State,
            FirstHash = row.FirstHash,
            ReviewedHash = row.ReviewedHash,
            ReviewedAt = row.ReviewedAt,
            ReviewedBy = row.ReviewedBy,
        }).ToListAsync(cancellationToken);
        return new([.. rows.OrderBy(row => row.Server, StringComparer.Ordinal).ThenBy(row => row.Name, StringComparer.Ordinal).Select(row =>
        {
            var (known, review) = (new KnownTool(new CatalogueTool(row.Name, row.Title, row.Description, row.ReadOnly, row.Destructive, row.Hash), row.FirstHash, row.ReviewedHash, row.State), servers.GetValueOrDefault(row.Server));
            return new Tool(row, known, review, StateOf(known, review));
        })], null);
    }

    private static string StateOf(KnownTool tool, ToolReview review) =>
        tool.State == GatewayToolState.Blocked ? "blocked"
        : !tool.IsHeld(review) ? Open
        : tool.ReviewedHash is null && tool.Seen.Hash == tool.FirstHash ? "new"
        : "changed";

    private static ToolChangeView ChangeOf(GatewayTool row)
    {
        var isNew = row.Hash == (row.ReviewedHash ?? row.FirstHash);
        using var after = row.Document is null ? null : JsonDocument.Parse(row.Document);
        using var before = isNew || row.TrustedDocument is null ? null : JsonDocument.Parse(row.TrustedDocument);
        return new ToolChangeView(
            row.Server, row.Name, row.Hash, isNew,
            before is not null && after is not null ? [.. CatalogueTool.ChangedMembers(before.RootElement, after.RootElement)] : [],
            isNew ? "" : before is null ? NotKept : CatalogueTool.Text(before.RootElement, "description") ?? "",
            after is null ? NotKept : CatalogueTool.Text(after.RootElement, "description") ?? "");
    }

    // No name of a server has a space, and every other letter comes behind it.
    private static string KeyOf(ToolView tool) => KeyOf(tool.Server, tool.Name);

    private static string KeyOf(string server, string name) => $"{server} {name}";

    private sealed record Tool(GatewayTool Row, KnownTool Known, ToolReview Review, string State);
}
