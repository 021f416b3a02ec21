using McpIdentity.Migrations;
using McpIdentity.Server.Policy;
using Microsoft.EntityFrameworkCore;

namespace McpIdentity.Server.Connections;

/// <summary>A person's own account at a server behind this one, or that they could connect one there.</summary>
/// <param name="Name">The name of the server in <c>Gateway:Servers</c>.</param>
/// <param name="Server">Null where it is not in force any more.</param>
/// <param name="Since">When they connected it; null: they have not.</param>
/// <param name="Scope">What the tokens are good for; null where the server did not say.</param>
internal sealed record OwnConnection(string Name, ConnectableServer? Server, DateTimeOffset? Since = null, string? Scope = null)
{
    public string DisplayName => Server?.DisplayName ?? Name;
}

/// <summary>What a person has connected, and could connect, of their own accounts at servers behind this one.</summary>
internal sealed class OwnConnections(ConnectableServers servers, PolicyDecisions policy, McpIdentityDbContext db)
{
    /// <summary>Those that are connected first, then those that the policy lets them reach.</summary>
    public async Task<IReadOnlyList<OwnConnection>> ListAsync(string userId, CancellationToken cancellationToken)
    {
        var rows = await db.UpstreamConnections.AsNoTracking().Where(row => row.UserId == userId).Select(row => new { row.Server, row.CreatedAt, row.Scope }).ToListAsync(cancellationToken);
        var who = await policy.CallerAsync(userId, null, cancellationToken);
        var connected = rows.Select(row => new OwnConnection(row.Server, servers.Find(row.Server), row.CreatedAt, row.Scope));
        var others = servers.All.Where(server => rows.All(row => row.Server != server.Name) && policy.MayReach(who, server.Name)).Select(server => new OwnConnection(server.Name, server));
        return [.. connected.OrderBy(one => one.DisplayName, StringComparer.OrdinalIgnoreCase), .. others.OrderBy(one => one.DisplayName, StringComparer.OrdinalIgnoreCase)];
    }

    public Task<int> CountAsync(string userId, CancellationToken cancellationToken) => db.UpstreamConnections.CountAsync(row => row.UserId == userId, cancellationToken);
}
