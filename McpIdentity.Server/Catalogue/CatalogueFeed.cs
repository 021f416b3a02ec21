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

    private readonly ToolCatalogue _catalogue;
    private readonly RevocationSignals _signals;
    private readonly IServiceScopeFactory _scopes;
    private readonly ILogger<CatalogueFeed> _logger;

    public CatalogueFeed(ToolCatalogue catalogue, RevocationSignals signals, IServiceScopeFactory scopes, TimeProvider time, ILogger<CatalogueFeed> logger)
        : base(Signal, signals, time)
    {
        (_catalogue, _signals, _scopes, _logger) = (catalogue, signals, scopes, logger);
        catalogue.Learnt += Wake;
    }

    protected override async Task RunAsync(CancellationToken cancellationToken)
    {
        await using var scope = _scopes.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>();
        var unwritten = _catalogue.Unwritten();
        if (unwritten.Count > 0)
        {
            await db.WriteAsync(() => WriteAsync(db, unwritten, cancellationToken), cancellationToken);
            _catalogue.Written(unwritten);
            await _signals.SendAsync(db, Signal);
        }

        _catalogue.Take(await ReadAsync(db, cancellationToken));
    }

    protected override void Fails(Exception exception) => CannotRun(exception);

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
    private async Task<IReadOnlyDictionary<string, IReadOnlyList<KnownTool>>> ReadAsync(McpIdentityDbContext db, CancellationToken cancellationToken)
    {
        var rows = await db.GatewayTools.AsNoTracking()
            .Select(row => new { row.Server, row.Name, row.Hash, row.FirstHash, row.ReviewedHash, row.State }).ToListAsync(cancellationToken);
        var read = new Dictionary<string, IReadOnlyList<KnownTool>>(StringComparer.Ordinal);
        foreach (var server in rows.GroupBy(row => row.Server))
        {
            var known = server.Select(row => _catalogue.Known(server.Key, row.Name) is { } tool && tool.Seen.Hash == row.Hash && (tool.FirstHash, tool.ReviewedHash, tool.State) == (row.FirstHash, row.ReviewedHash, row.State) ? tool : null).ToList();
            read[server.Key] = known.Contains(null) ? await ReadAsync(db, server.Key, cancellationToken) : [.. known.OfType<KnownTool>()];
        }

        return read;
    }

    private static async Task<IReadOnlyList<KnownTool>> ReadAsync(McpIdentityDbContext db, string server, CancellationToken cancellationToken)
    {
        var rows = await db.GatewayTools.AsNoTracking().Where(row => row.Server == server)
            .Select(row => new { row.Name, row.Title, row.Description, row.ReadOnly, row.Destructive, row.Hash, row.FirstHash, row.ReviewedHash, row.State, row.TrustedDocument })
            .ToListAsync(cancellationToken);
        return [.. rows.Select(row => new KnownTool(new CatalogueTool(row.Name, row.Title, row.Description, row.ReadOnly, row.Destructive, row.Hash), row.FirstHash, row.ReviewedHash, row.State)
        {
            Trusted = row.TrustedDocument is { } document ? Parse(document) : null,
        })];
    }

    private static CatalogueTool? Parse(string document)
    {
        using var parsed = JsonDocument.Parse(document);
        return CatalogueTool.TryRead(parsed.RootElement, out var tool) ? tool : null;
    }

    [LoggerMessage(5101, LogLevel.Error, "The catalogue of tools cannot be read or written; it stays as it is known here, and is tried again as soon as the database answers.")]
    private partial void CannotRun(Exception exception);
}
