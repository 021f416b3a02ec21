using System.Data.Common;
using System.Globalization;
using McpIdentity.Server.Clients;
using McpIdentity.Server.Persistence;
using McpIdentity.Server.Protocol;
using OpenIddict.EntityFrameworkCore.Models;

namespace McpIdentity.Server.Administration;

/// <summary>The clients as operators see them: listed, one of them, and how it is connected. What is done with them is in <see cref="ClientActs"/>.</summary>
internal sealed class ClientDirectory(PreparedSql sql, ProtectedResources resources, TimeProvider time)
{
    private const string Select = """
        SELECT "ClientId", "DisplayName", "ClientType", "ApplicationType", "RedirectUris", "Permissions", "Properties", "RegisteredAt", "LastUsedAt", "DisabledAt", "AwaitingApprovalSince"
            FROM "OpenIddictApplications"
        """;

    private const string SelectUse = """
        SELECT (SELECT COUNT(*) FROM "Grants" g WHERE g."ClientId" = c."ClientId" AND g."RevokedAt" IS NULL AND g."ExpiresAt" > $2) FROM "OpenIddictApplications" c WHERE c."ClientId" = $1
        """;

    /// <summary>Those of a filter, in an order, from a place on.</summary>
    /// <param name="filter">Which.</param>
    /// <param name="sort"><c>last_used</c> and <c>registered</c>, the last first; <c>name</c>; <c>client_id</c>.</param>
    /// <param name="after">The key of the last one before (<see cref="KeyOf"/>); null: from the first on.</param>
    /// <param name="count">How many at most.</param>
    /// <param name="cancellationToken">Ends the work.</param>
    public async Task<IReadOnlyList<ClientView>> ListAsync(ClientFilter filter, string sort, string? after, int count, CancellationToken cancellationToken) =>
        await ReadAsync(Sorted(await MeantAsync(Filtered(new ListQuery(Select), filter), filter.Called, cancellationToken), sort, after, count), cancellationToken);

    /// <summary>Where a client stands in an order.</summary>
    public static string KeyOf(ClientView client, string sort) => (sort switch
    {
        "name" => client.Name ?? "",
        "client_id" => "",
        "registered" => TicksOf(client.Kind == ClientView.Created ? null : client.RegisteredAt),
        _ => TicksOf(client.LastUsedAt ?? (client.Kind == ClientView.Created ? null : client.RegisteredAt)),
    }) + "\n" + client.ClientId;

    public async Task<Outcome<ClientView>> GetAsync(string clientId, CancellationToken cancellationToken) =>
        await ReadAsync(Filtered(new ListQuery(Select), new ClientFilter()).Where($""" "ClientId" = {clientId}"""), cancellationToken) is [var found] ? found : NotFound(clientId);

    /// <summary>How much it holds.</summary>
    public async Task<Outcome<ClientUse>> UseAsync(string clientId, CancellationToken cancellationToken)
    {
        var counted = await sql.ListAsync(SelectUse, [clientId, time.GetUtcNow()], row => (int)row.GetInt64(0), cancellationToken);
        return counted is [var grants] ? new ClientUse(grants) : NotFound(clientId);
    }

    /// <summary>The <c>client_id</c> of those of a filter that registered themselves and hold nothing that is good.</summary>
    public Task<List<string>> EmptyHandedAsync(ClientFilter filter, CancellationToken cancellationToken) => sql.ListAsync(
        Filtered(new ListQuery("""SELECT "ClientId" FROM "OpenIddictApplications" c"""), filter)
            .Where($"""
                "RegisteredAt" IS NOT NULL AND NOT EXISTS (SELECT 1 FROM "Grants" g WHERE g."ClientId" = c."ClientId" AND g."RevokedAt" IS NULL AND g."ExpiresAt" > {time.GetUtcNow()})
                """)
            .Then($""" ORDER BY "ClientId" """),
        row => row.GetString(0), cancellationToken);

    /// <summary>How a client in wide use connects as this one.</summary>
    /// <param name="clientId">This one.</param>
    /// <param name="known">One of <see cref="ClientSnippet.Known"/>.</param>
    /// <param name="resource">The MCP server; null: the first that there is.</param>
    /// <param name="cancellationToken">Ends the work.</param>
    public async Task<Outcome<ClientSnippet>> SnippetAsync(string clientId, string known, string? resource, CancellationToken cancellationToken)
    {
        if ((await GetAsync(clientId, cancellationToken)).Problem is { } problem)
        {
            return problem;
        }

        if ((resource is null ? resources.Default : resources.Find(resource)) is not { } server)
        {
            return AdminProblem.Invalid([.. CheckResources([resource!])]);
        }

        return ClientSnippet.For(known, server.Identifier, clientId);
    }

    /// <summary>Which of these MCP servers there are not.</summary>
    public IEnumerable<(string, string)> CheckResources(IReadOnlyList<string>? asked) =>
        (asked ?? []).Where(resource => resources.Find(resource) is null).Select(resource => ("resources", $"has '{resource}', which is none of {string.Join(", ", resources.Canonical)}."));

    public static AdminProblem NotFound(string clientId) => AdminProblem.NotFound("client", clientId);

    private async Task<ListQuery> MeantAsync(ListQuery query, string? called, CancellationToken cancellationToken) =>
        called is null ? query : query.WhereIn("\"ClientId\"", await OperatorNames.ClientsAsync(sql, called, cancellationToken));

    private static ListQuery Filtered(ListQuery query, ClientFilter filter)
    {
        var (configured, created) = (ListQuery.Containing($"\"{StaticClients.ConfiguredProperty}\":"), ListQuery.Containing($"\"{OperatorClients.Property}\":"));
        if (!filter.WithDeleted)
        {
            query.Where($""" "Properties" <> {ClientDeletion.Deleted} OR "Properties" IS NULL""");
        }

        if (filter.Text is { } text)
        {
            var part = ListQuery.Containing(text.ToLowerInvariant());
            query.Where($"""lower("ClientId") LIKE {part} ESCAPE '\' OR lower("DisplayName") LIKE {part} ESCAPE '\' OR lower("RedirectUris") LIKE {part} ESCAPE '\'""");
        }

        _ = filter.Kind switch
        {
            ClientView.Configured => query.Where($""" "Properties" LIKE {configured} ESCAPE '\'"""),
            ClientView.Created => query.Where($""" "Properties" LIKE {created} ESCAPE '\'"""),
            ClientView.Document or ClientView.Dynamic => query
                .Where($""" "Properties" IS NULL OR NOT ("Properties" LIKE {configured} ESCAPE '\' OR "Properties" LIKE {created} ESCAPE '\')""")
                .Where(filter.Kind == ClientView.Document ? $""" "ClientId" LIKE 'https://%'""" : (FormattableString)$""" "ClientId" NOT LIKE 'https://%'"""),
            _ => query,
        };
        _ = filter.Status switch
        {
            "disabled" => query.Where($""" "DisabledAt" IS NOT NULL"""),
            "waiting" => query.Where($""" "DisabledAt" IS NULL AND "AwaitingApprovalSince" IS NOT NULL"""),
            "enabled" => query.Where($""" "DisabledAt" IS NULL AND "AwaitingApprovalSince" IS NULL"""),
            _ => query,
        };
        _ = filter.NeverUsed switch
        {
            true => query.Where($""" "LastUsedAt" IS NULL"""),
            false => query.Where($""" "LastUsedAt" IS NOT NULL"""),
            null => query,
        };
        return filter.UnusedSince is { } since ? query.Where($"""COALESCE("LastUsedAt", "RegisteredAt") < {since}""") : query;
    }

    private static ListQuery Sorted(ListQuery query, string sort, string? after, int count)
    {
        var epoch = DateTimeOffset.UnixEpoch;
        if (after?.Split('\n', 2) is [var value, var id])
        {
            var moment = long.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var ticks) && ticks <= DateTimeOffset.MaxValue.UtcTicks ? new DateTimeOffset(ticks, TimeSpan.Zero) : epoch;
            query.Where(sort switch
            {
                "name" => $"""COALESCE("DisplayName", '') > {value} OR (COALESCE("DisplayName", '') = {value} AND "ClientId" > {id})""",
                "client_id" => $""" "ClientId" > {id}""",
                "registered" => $"""COALESCE("RegisteredAt", {epoch}) < {moment} OR (COALESCE("RegisteredAt", {epoch}) = {moment} AND "ClientId" > {id})""",
                _ => $"""COALESCE("LastUsedAt", "RegisteredAt", {epoch}) < {moment} OR (COALESCE("LastUsedAt", "RegisteredAt", {epoch}) = {moment} AND "ClientId" > {id})""",
            });
        }

        return query.Then(sort switch
        {
            "name" => $""" ORDER BY COALESCE("DisplayName", ''), "ClientId" LIMIT {count}""",
            "client_id" => $""" ORDER BY "ClientId" LIMIT {count}""",
            "registered" => $""" ORDER BY COALESCE("RegisteredAt", {epoch}) DESC, "ClientId" LIMIT {count}""",
            _ => $""" ORDER BY COALESCE("LastUsedAt", "RegisteredAt", {epoch}) DESC, "ClientId" LIMIT {count}""",
        });
    }

    private Task<List<ClientView>> ReadAsync(ListQuery query, CancellationToken cancellationToken) => sql.ListAsync(
        query,
        row => ClientView.Of(new ClientRow(
            new OpenIddictEntityFrameworkCoreApplication
            {
                ClientId = row.GetString(0),
                DisplayName = TextIn(row, 1),
                ClientType = TextIn(row, 2),
                ApplicationType = TextIn(row, 3),
                RedirectUris = TextIn(row, 4),
                Permissions = TextIn(row, 5),
                Properties = TextIn(row, 6),
            },
            MomentIn(row, 7), MomentIn(row, 8), MomentIn(row, 9), MomentIn(row, 10))),
        cancellationToken);

    private static string? TextIn(DbDataReader row, int column) => row.IsDBNull(column) ? null : row.GetString(column);

    private DateTimeOffset? MomentIn(DbDataReader row, int column) => row.IsDBNull(column) ? null : sql.Moment(row, column);

    // As the columns have it: that of a client which an operator made is no column.
    private static string TicksOf(DateTimeOffset? moment) => (moment ?? DateTimeOffset.UnixEpoch).UtcTicks.ToString(CultureInfo.InvariantCulture);
}
