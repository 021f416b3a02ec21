using McpIdentity.Mcp.Audit;
using McpIdentity.Migrations;
using McpIdentity.Server.Administration.Api;
using McpIdentity.Server.Connections;
using McpIdentity.Server.Gateway;
using McpIdentity.Server.Persistence;
using McpIdentity.Server.Settings;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Administration;

/// <summary>A person's own account at a server behind this one. What opens it is shown to nobody.</summary>
/// <param name="Server">At which server: its name.</param>
/// <param name="UserId">Whose.</param>
/// <param name="Email">Their e-mail address.</param>
/// <param name="Scope">What it is good for there.</param>
/// <param name="ConnectedAt">Since when.</param>
/// <param name="RefreshedAt">When its tokens were last given.</param>
internal sealed record ConnectionView(string Server, string UserId, string? Email, string? Scope, DateTimeOffset ConnectedAt, DateTimeOffset RefreshedAt);

/// <summary>Who has connected their own account where, and how that ends.</summary>
internal sealed class ConnectionActs(McpIdentityDbContext db, PreparedSql sql, Vault vault, StoredServers stored, IOptions<GatewayOptions> configured, OperatorRecord record)
{
    /// <summary>Those that there are, by server and person.</summary>
    /// <param name="user">Whose: identifier, e-mail address or name; null: everybody's.</param>
    /// <param name="server">At which server; null: at all.</param>
    /// <param name="slice">Which part.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    public async Task<Outcome<AdminPage<ConnectionView>>> ListAsync(string? user, string? server, Slice slice, CancellationToken cancellationToken)
    {
        var (person, problem) = user is null ? default : await OperatorNames.UserAsync(sql, user, cancellationToken);
        if (problem is not null)
        {
            return problem;
        }

        var rows = db.UpstreamConnections.AsNoTracking();
        rows = person is null ? rows : rows.Where(row => row.UserId == person.Id);
        var name = server is null ? null : StorableText.Of(server);
        rows = name is null ? rows : rows.Where(row => row.Server == name);
        if (slice.After?.Split(' ') is [var lastServer, var lastUser])
        {
            rows = rows.Where(row => string.Compare(row.Server, lastServer) > 0 || (row.Server == lastServer && string.Compare(row.UserId, lastUser) > 0));
        }

        var read = await rows.OrderBy(row => row.Server).ThenBy(row => row.UserId).Take(slice.OneMore).Select(row => new ConnectionView(
            row.Server, row.UserId, db.Users.Where(known => known.Id == row.UserId).Select(known => known.Email).FirstOrDefault(), row.Scope, row.CreatedAt, row.UpdatedAt)).ToListAsync(cancellationToken);
        return slice.Of(read, view => $"{view.Server} {view.UserId}");
    }

    /// <summary>Deletes a person's account at a server. They are asked to connect it anew.</summary>
    public async Task<Outcome<ConnectionView>> RemoveAsync(Operator by, string user, string server, CancellationToken cancellationToken)
    {
        var (person, problem) = await OperatorNames.UserAsync(sql, user, cancellationToken);
        if (problem is not null)
        {
            return problem;
        }

        var name = StorableText.Of(server);
        if (await db.UpstreamConnections.AsNoTracking().FirstOrDefaultAsync(row => row.UserId == person!.Id && row.Server == name, cancellationToken) is not { } row || (await EndAsync(person!.Id, name)).Count == 0)
        {
            return new AdminProblem("connection_not_found", StatusCodes.Status404NotFound, $"{person!.Email ?? person.Id} has connected no account at {server}.");
        }

        await record.WriteAsync(by, SecurityEvent.Success("account_disconnected") with { Subject = person.Id, Server = name });
        return new ConnectionView(name, person.Id, person.Email, row.Scope, row.CreatedAt, row.UpdatedAt);
    }

    /// <summary>Forgets how this server has registered itself at a server's authorization server. Accounts that are connected stay.</summary>
    public async Task<Outcome<string>> ForgetClientAsync(Operator by, string server, CancellationToken cancellationToken)
    {
        var name = StorableText.Of(server);
        if (await db.WriteAsync(() => db.UpstreamRegistrations.Where(row => row.Server == name).ExecuteDeleteAsync(cancellationToken), cancellationToken) == 0)
        {
            return new AdminProblem("registration_not_found", StatusCodes.Status404NotFound, $"This server has not registered itself for {server}: 'servers show' says how it is known there.");
        }

        await record.WriteAsync(by, SecurityEvent.Success("server_changed") with { Server = name });
        return name;
    }

    /// <summary>Deletes what a person has connected, for whoever ends more than that; servers that can be asked are told.</summary>
    /// <param name="userId">Whose.</param>
    /// <param name="server">Where; null: everywhere.</param>
    /// <returns>Where there was something.</returns>
    public async Task<IReadOnlyList<string>> EndAsync(string userId, string? server)
    {
        // The servers of the database are read by the running program alone; a verb looks for itself.
        var added = (await stored.ReadAsync(db, CancellationToken.None)).Where(one => one.Problem is null).Select(one => new FrontedServer(one.Name, one.Options!));
        var all = configured.Value.Servers.Select(one => new FrontedServer(one.Key, one.Value)).Concat(added).ToList();
        var ended = await vault.EndAsync(userId, server, name => all.FirstOrDefault(one => one.Name == name && one.Options.Upstream.Auth == UpstreamAuth.OAuth)?.Connectable);
        await ended.Revoking; // it would end with the verb
        return ended.Servers;
    }
}
