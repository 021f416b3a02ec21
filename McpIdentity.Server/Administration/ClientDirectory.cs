using System.Globalization;
using McpIdentity.Migrations;
using McpIdentity.Server.Clients;
using McpIdentity.Server.Protocol;
using Microsoft.EntityFrameworkCore;
using OpenIddict.EntityFrameworkCore.Models;

namespace McpIdentity.Server.Administration;

/// <summary>The clients as operators see them: listed, one of them, and how it is connected. What is done with them is in <see cref="ClientActs"/>.</summary>
internal sealed class ClientDirectory(McpIdentityDbContext db, ProtectedResources resources, TimeProvider time)
{
    /// <summary>Those of a filter, in an order, from a place on.</summary>
    /// <param name="filter">Which.</param>
    /// <param name="sort"><c>last_used</c> and <c>registered</c>, the last first; <c>name</c>; <c>client_id</c>.</param>
    /// <param name="after">The key of the last one before (<see cref="KeyOf"/>); null: from the first on.</param>
    /// <param name="count">How many at most.</param>
    /// <param name="cancellationToken">Ends the work.</param>
    public async Task<IReadOnlyList<ClientView>> ListAsync(ClientFilter filter, string sort, string? after, int count, CancellationToken cancellationToken) =>
        [.. (await Rows(Sorted(await MeantAsync(filter, cancellationToken), sort, after).Take(count)).ToListAsync(cancellationToken)).Select(ClientView.Of)];

    /// <summary>Where a client stands in an order.</summary>
    public static string KeyOf(ClientView client, string sort) => (sort switch
    {
        "name" => client.Name ?? "",
        "client_id" => "",
        "registered" => TicksOf(client.Kind == ClientView.Created ? null : client.RegisteredAt),
        _ => TicksOf(client.LastUsedAt ?? (client.Kind == ClientView.Created ? null : client.RegisteredAt)),
    }) + "\n" + client.ClientId;

    public async Task<Outcome<ClientView>> GetAsync(string clientId, CancellationToken cancellationToken) =>
        await Rows(Filtered(new ClientFilter()).Where(client => client.ClientId == clientId)).FirstOrDefaultAsync(cancellationToken) is { } found ? ClientView.Of(found) : NotFound(clientId);

    /// <summary>How much it holds.</summary>
    public async Task<Outcome<ClientUse>> UseAsync(string clientId, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        return await db.Clients.AnyAsync(client => client.ClientId == clientId, cancellationToken)
            ? new ClientUse(await db.Grants.CountAsync(grant => grant.ClientId == clientId && grant.RevokedAt == null && grant.ExpiresAt > now, cancellationToken))
            : NotFound(clientId);
    }

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

    private async Task<IQueryable<OpenIddictEntityFrameworkCoreApplication>> MeantAsync(ClientFilter filter, CancellationToken cancellationToken)
    {
        if (filter.Called is not { } called)
        {
            return Filtered(filter);
        }

        string[] ids = [.. (await OperatorNames.ClientsAsync(db, called, cancellationToken)).Select(client => client.ClientId!)];
        return Filtered(filter).Where(client => ids.Contains(client.ClientId));
    }

#pragma warning disable CA1304, CA1307, CA1311, CA1862 // EF Core translates these, and no comparison that is named
    /// <summary>Those that a filter leaves.</summary>
    public IQueryable<OpenIddictEntityFrameworkCoreApplication> Filtered(ClientFilter filter)
    {
        const string configured = $"\"{StaticClients.ConfiguredProperty}\":";
        const string created = $"\"{OperatorClients.Property}\":";
        var query = db.Clients.AsNoTracking().Where(client => filter.WithDeleted || client.Properties != ClientDeletion.Deleted || client.Properties == null);
        if (filter.Text?.ToLowerInvariant() is { } text)
        {
            query = query.Where(client => client.ClientId!.ToLower().Contains(text) || client.DisplayName!.ToLower().Contains(text) || client.RedirectUris!.ToLower().Contains(text));
        }

        query = filter.Kind switch
        {
            ClientView.Configured => query.Where(client => client.Properties!.Contains(configured)),
            ClientView.Created => query.Where(client => client.Properties!.Contains(created)),
            ClientView.Document => query.Where(client => client.ClientId!.StartsWith("https://") && (client.Properties == null || !(client.Properties.Contains(configured) || client.Properties.Contains(created)))),
            ClientView.Dynamic => query.Where(client => !client.ClientId!.StartsWith("https://") && (client.Properties == null || !(client.Properties.Contains(configured) || client.Properties.Contains(created)))),
            _ => query,
        };
        query = filter.Status switch
        {
            "disabled" => query.Where(client => EF.Property<DateTimeOffset?>(client, ClientColumns.DisabledAt) != null),
            "waiting" => query.Where(client => EF.Property<DateTimeOffset?>(client, ClientColumns.DisabledAt) == null && EF.Property<DateTimeOffset?>(client, ClientColumns.AwaitingApprovalSince) != null),
            "enabled" => query.Where(client => EF.Property<DateTimeOffset?>(client, ClientColumns.DisabledAt) == null && EF.Property<DateTimeOffset?>(client, ClientColumns.AwaitingApprovalSince) == null),
            _ => query,
        };
        query = filter.NeverUsed is { } never ? query.Where(client => (EF.Property<DateTimeOffset?>(client, ClientColumns.LastUsedAt) == null) == never) : query;
        return filter.UnusedSince is { } since
            ? query.Where(client => (EF.Property<DateTimeOffset?>(client, ClientColumns.LastUsedAt) ?? EF.Property<DateTimeOffset?>(client, ClientColumns.RegisteredAt)) < since)
            : query;
    }

    private static IQueryable<OpenIddictEntityFrameworkCoreApplication> Sorted(IQueryable<OpenIddictEntityFrameworkCoreApplication> query, string sort, string? after)
    {
        var (value, id) = after?.Split('\n', 2) is [var v, var i] ? (v, i) : (null, null);
        var (epoch, isFirst) = (DateTimeOffset.UnixEpoch, value is null);
        var moment = sort is "name" or "client_id" || !long.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var ticks) || ticks > DateTimeOffset.MaxValue.UtcTicks ? epoch : new DateTimeOffset(ticks, TimeSpan.Zero);
        return sort switch
        {
            "name" => query.Where(client => isFirst || string.Compare(client.DisplayName ?? "", value) > 0 || ((client.DisplayName ?? "") == value && string.Compare(client.ClientId, id) > 0))
                .OrderBy(client => client.DisplayName ?? "").ThenBy(client => client.ClientId),
            "client_id" => query.Where(client => isFirst || string.Compare(client.ClientId, id) > 0).OrderBy(client => client.ClientId),
            "registered" => query
                .Where(client => isFirst || (EF.Property<DateTimeOffset?>(client, ClientColumns.RegisteredAt) ?? epoch) < moment || ((EF.Property<DateTimeOffset?>(client, ClientColumns.RegisteredAt) ?? epoch) == moment && string.Compare(client.ClientId, id) > 0))
                .OrderByDescending(client => EF.Property<DateTimeOffset?>(client, ClientColumns.RegisteredAt) ?? epoch).ThenBy(client => client.ClientId),
            _ => query
                .Where(client => isFirst || (EF.Property<DateTimeOffset?>(client, ClientColumns.LastUsedAt) ?? EF.Property<DateTimeOffset?>(client, ClientColumns.RegisteredAt) ?? epoch) < moment ||
                    ((EF.Property<DateTimeOffset?>(client, ClientColumns.LastUsedAt) ?? EF.Property<DateTimeOffset?>(client, ClientColumns.RegisteredAt) ?? epoch) == moment && string.Compare(client.ClientId, id) > 0))
                .OrderByDescending(client => EF.Property<DateTimeOffset?>(client, ClientColumns.LastUsedAt) ?? EF.Property<DateTimeOffset?>(client, ClientColumns.RegisteredAt) ?? epoch).ThenBy(client => client.ClientId),
        };
    }
#pragma warning restore CA1304, CA1307, CA1311, CA1862

    private static IQueryable<ClientRow> Rows(IQueryable<OpenIddictEntityFrameworkCoreApplication> query) => query.Select(client => new ClientRow(
        client,
        EF.Property<DateTimeOffset?>(client, ClientColumns.RegisteredAt), EF.Property<DateTimeOffset?>(client, ClientColumns.LastUsedAt),
        EF.Property<DateTimeOffset?>(client, ClientColumns.DisabledAt), EF.Property<DateTimeOffset?>(client, ClientColumns.AwaitingApprovalSince)));

    // As the columns have it: that of a client which an operator made is no column.
    private static string TicksOf(DateTimeOffset? moment) => (moment ?? DateTimeOffset.UnixEpoch).UtcTicks.ToString(CultureInfo.InvariantCulture);
}
