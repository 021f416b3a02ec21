using System.Data.Common;
using System.Text.Json;
using McpIdentity.Migrations;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Persistence;
using McpIdentity.Server.Revocation;
using Microsoft.EntityFrameworkCore;

namespace McpIdentity.Server.Catalogue;

/// <summary>
/// Writes down what this node has seen of tools, and reads what others have, and what operators have said: three times a minute, at once
/// for what is new here, and at once when another node or the command line has announced something. While the database is away, every
/// node goes on by what it knows.
/// </summary>
internal sealed partial class CatalogueFeed : SignalledFeed
{
    /// <summary>What the signal says of a tool that is new, has changed or was reviewed.</summary>
    public const string Signal = "tools";

    /// <summary>One writes at a time: what is trusted follows from what stood there before.</summary>
    public const string LockName = "tool catalogue";

    private const string All = """SELECT "Server", "Name", "Hash", "FirstHash", "ReviewedHash", "State" FROM "GatewayTools" """;
    private const string OfServer = """
        SELECT "Name", "Title", "Description", "ReadOnly", "Destructive", "Hash", "FirstHash", "ReviewedHash", "State", "TrustedDocument" FROM "GatewayTools" WHERE "Server" = $1
        """;

    private readonly ToolCatalogue _catalogue;
    private readonly RevocationSignals _signals;
    private readonly PreparedSql _sql;
    private readonly IServiceScopeFactory _scopes;
    private readonly ILogger<CatalogueFeed> _logger;

    public CatalogueFeed(ToolCatalogue catalogue, RevocationSignals signals, PreparedSql sql, IServiceScopeFactory scopes, TimeProvider time, ILogger<CatalogueFeed> logger)
        : base(Signal, signals, time)
    {
        (_catalogue, _signals, _sql, _scopes, _logger) = (catalogue, signals, sql, scopes, logger);
        catalogue.Learnt += Wake;
    }

    protected override async Task RunAsync(CancellationToken cancellationToken)
    {
        var unwritten = _catalogue.Unwritten();
        if (unwritten.Count > 0)
        {
            await using var scope = _scopes.CreateAsyncScope();
            var db = scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>();
            await db.WriteAsync(() => WriteAsync(db, unwritten, cancellationToken), cancellationToken);
            _catalogue.Written(unwritten);
            await _signals.SendAsync(db, Signal);
        }

        _catalogue.Take(await ReadAsync(cancellationToken));
    }

    protected override void Fails(LogLevel level, Exception exception) => CannotRun(level, exception);

    private static async Task<int> WriteAsync(McpIdentityDbContext db, IReadOnlyList<SeenTool> tools, CancellationToken cancellationToken)
    {
        await using var transaction = await db.BeginExclusiveAsync(LockName, cancellationToken);
        foreach (var server in tools.GroupBy(tool => tool.Server))
        {
            foreach (var some in server.Chunk(200))
            {
                string[] names = [.. some.Select(tool => tool.Tool.Name)];
                var rows = await db.GatewayTools.Where(row => row.Server == server.Key && names.Contains(row.Name)).ToDictionaryAsync(row => row.Name, cancellationToken);
                foreach (var tool in some)
                {
                    if (rows.GetValueOrDefault(tool.Tool.Name) is { } row)
                    {
                        Change(row, tool);
                    }
                    else
                    {
                        db.GatewayTools.Add(New(tool));
                    }
                }
            }
        }

        var written = await db.SaveChangesAsync(cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        db.ChangeTracker.Clear();
        return written;
    }

    private static GatewayTool New(SeenTool seen)
    {
        var row = new GatewayTool { Server = seen.Server, Name = seen.Tool.Name, Hash = seen.Tool.Hash, FirstHash = seen.Tool.Hash, FirstSeenAt = seen.At };
        Change(row, seen);
        return row;
    }

    private static void Change(GatewayTool row, SeenTool seen)
    {
        var trusted = row.ReviewedHash ?? row.FirstHash;
        row.TrustedDocument = seen.Tool.Hash == trusted ? null : row.Hash == trusted ? row.Document : row.TrustedDocument;
        row.Hash = seen.Tool.Hash;
        row.Title = seen.Tool.Title;
        row.Description = seen.Tool.Description;
        row.ReadOnly = seen.Tool.ReadOnly;
        row.Destructive = seen.Tool.Destructive;
        row.Document = seen.Document is { } document ? StorableText.Of(document) : null;
        row.LastSeenAt = seen.At;
    }

    // What decides first; the words only of servers of which something is other than this node knows it.
    private async Task<IReadOnlyDictionary<string, IReadOnlyList<KnownTool>>> ReadAsync(CancellationToken cancellationToken)
    {
        var rows = await _sql.ListAsync(
            All, [],
            row => (Server: row.GetString(0), Name: row.GetString(1), Hash: row.GetString(2), FirstHash: row.GetString(3), ReviewedHash: TextOf(row, 4), State: (GatewayToolState)row.GetInt32(5)),
            cancellationToken);
        var read = new Dictionary<string, IReadOnlyList<KnownTool>>(StringComparer.Ordinal);
        foreach (var server in rows.GroupBy(row => row.Server))
        {
            var known = server.Select(row => _catalogue.Known(server.Key, row.Name) is { } tool && tool.Seen.Hash == row.Hash && (tool.FirstHash, tool.ReviewedHash, tool.State) == (row.FirstHash, row.ReviewedHash, row.State) ? tool : null).ToList();
            read[server.Key] = known.Contains(null) ? await _sql.ListAsync(OfServer, [server.Key], Read, cancellationToken) : [.. known.OfType<KnownTool>()];
        }

        return read;
    }

    private static KnownTool Read(DbDataReader row) => new(
        new CatalogueTool(row.GetString(0), TextOf(row, 1), TextOf(row, 2), IsOf(row, 3), IsOf(row, 4), row.GetString(5)), row.GetString(6), TextOf(row, 7), (GatewayToolState)row.GetInt32(8))
    {
        Trusted = TextOf(row, 9) is { } document ? Parse(document) : null,
    };

    private static string? TextOf(DbDataReader row, int column) => row.IsDBNull(column) ? null : row.GetString(column);

    private static bool? IsOf(DbDataReader row, int column) => row.IsDBNull(column) ? null : row.GetBoolean(column);

    private static CatalogueTool? Parse(string document)
    {
        using var parsed = JsonDocument.Parse(document);
        return CatalogueTool.TryRead(parsed.RootElement, out var tool) ? tool : null;
    }

    [LoggerMessage(EventId = 5101, Message = "The catalogue of tools cannot be read or written; it stays as it is known here, and is tried again as soon as the database answers.")]
    private partial void CannotRun(LogLevel level, Exception exception);
}
