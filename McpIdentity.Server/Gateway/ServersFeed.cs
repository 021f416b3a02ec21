using System.Data.Common;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Persistence;
using McpIdentity.Server.Revocation;

namespace McpIdentity.Server.Gateway;

/// <summary>Puts in force on this node what servers were added, changed or removed while the programs run, and reads what came of asking each.</summary>
internal sealed partial class ServersFeed(
    FrontedServers servers, StoredServers stored, ServerContacts contacts, RevocationSignals signals, PreparedSql sql, TimeProvider time, ILogger<ServersFeed> logger)
    : SignalledFeed(Signal, signals, time)
{
    /// <summary>What the signal says of a server that was added, changed or removed.</summary>
    public const string Signal = "servers";

    private const string Contacts = """SELECT "Server", "At", "AnsweredAt", "Problem", "Tools" FROM "GatewayContacts" """;
    private const string Servers = """SELECT "Name", "Document", "CreatedAt", "UpdatedAt", "UpdatedBy" FROM "GatewayServers" """;

    private readonly HashSet<string> _said = [];
    private Dictionary<string, string> _rows = [];
    private Dictionary<string, (string Document, FrontedServer Server)> _served = [];

    protected override async Task RunAsync(CancellationToken cancellationToken)
    {
        contacts.Take(await sql.ListAsync(Contacts, [], ReadContact, cancellationToken));
        var rows = await sql.ListAsync(Servers, [], ReadServer, cancellationToken);
        if (rows.Count != _rows.Count || rows.Any(row => _rows.GetValueOrDefault(row.Name) != row.Document))
        {
            Apply(rows);
        }
    }

    protected override void Fails(LogLevel level, Exception exception) => CannotRead(level, exception);

    private GatewayContact ReadContact(DbDataReader row) => new()
    {
        Server = row.GetString(0),
        At = sql.Moment(row, 1),
        AnsweredAt = row.IsDBNull(2) ? null : sql.Moment(row, 2),
        Problem = row.IsDBNull(3) ? null : row.GetString(3),
        Tools = row.GetInt32(4),
    };

    private GatewayServer ReadServer(DbDataReader row) => new()
    {
        Name = row.GetString(0),
        Document = row.GetString(1),
        CreatedAt = sql.Moment(row, 2),
        UpdatedAt = sql.Moment(row, 3),
        UpdatedBy = row.GetString(4),
    };

    private void Apply(List<GatewayServer> rows)
    {
        var served = new Dictionary<string, (string Document, FrontedServer Server)>();
        foreach (var one in stored.Judge(rows))
        {
            if (one.Problem is not null)
            {
                if (_said.Add($"{one.Name} {one.Problem}"))
                {
                    CannotServe(one.Name, one.Problem);
                }

                continue;
            }

            // The row may only have been encrypted anew: then it is the same server, and keeps its connections.
            served[one.Name] = _served.TryGetValue(one.Name, out var before) && before.Document == one.Document ? before : (one.Document, new FrontedServer(one.Name, one.Options!));
        }

        if (served.Count != _served.Count || served.Any(one => !_served.TryGetValue(one.Key, out var before) || !ReferenceEquals(before.Server, one.Value.Server)))
        {
            servers.Apply(served.Values.Select(one => one.Server));
            InForce(served.Count);
        }

        (_rows, _served) = (rows.ToDictionary(row => row.Name, row => row.Document), served);
    }

    [LoggerMessage(5021, LogLevel.Information, "{Count} MCP servers that were added while the program runs are in force.")]
    private partial void InForce(int count);

    [LoggerMessage(5022, LogLevel.Error, "The stored MCP server '{Server}' is not served: {Problem}")]
    private partial void CannotServe(string server, string problem);

    [LoggerMessage(EventId = 5023, Message = "The stored MCP servers cannot be read; those in force stay so, and they are read again as soon as the database answers.")]
    private partial void CannotRead(LogLevel level, Exception exception);
}
