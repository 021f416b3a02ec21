using System.Text;
using McpIdentity.Migrations;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Keys;
using McpIdentity.Server.Revocation;
using McpIdentity.Server.Settings;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Gateway;

/// <summary>A server that was added while the program ran.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Document">What was said of it; empty where it cannot be decrypted.</param>
/// <param name="Options">The same as it is read; null where it cannot be.</param>
/// <param name="Problem">Why it is not served; null: it is.</param>
/// <param name="Row">As it is stored.</param>
internal sealed record StoredServer(string Name, string Document, FrontedServerOptions? Options, string? Problem, GatewayServer Row);

/// <summary>The servers that were added while the program ran. Those of the configuration win by name and by path.</summary>
internal sealed class StoredServers(
    EncryptionKeys keys, FrontedServerRules rules, IOptions<GatewayOptions> configured, IOptions<OAuthServerOptions> oauth, RevocationSignals signals, TimeProvider time)
{
    /// <summary>All of them, those too that cannot be served.</summary>
    public async Task<IReadOnlyList<StoredServer>> ReadAsync(McpIdentityDbContext db, CancellationToken cancellationToken) =>
        Judge(await db.GatewayServers.AsNoTracking().ToListAsync(cancellationToken));

    /// <summary>The same of rows that were read: who came first keeps a path.</summary>
    public IReadOnlyList<StoredServer> Judge(IEnumerable<GatewayServer> rows)
    {
        var paths = configured.Value.Servers.ToDictionary(server => FrontedServer.PathOf(server.Key, server.Value), server => server.Key, StringComparer.OrdinalIgnoreCase);
        var judged = new List<StoredServer>();
        foreach (var row in rows.OrderBy(row => row.CreatedAt).ThenBy(row => row.Name, StringComparer.Ordinal))
        {
            var document = keys.Unprotect(ServerDocument.Purpose, row.Document) is { } plaintext ? Encoding.UTF8.GetString(plaintext) : null;
            var (options, problem) = document is null ? (null, "it is encrypted under a key that is not configured here (OAuth:PreviousEncryptionKeys).") : ServerDocument.Parse(document);
            problem ??= ProblemOf(row.Name, options!, paths);
            judged.Add(new StoredServer(row.Name, document ?? "", options, problem, row));
            if (problem is null)
            {
                paths[FrontedServer.PathOf(row.Name, options!)] = row.Name;
            }
        }

        return judged;
    }

    /// <summary>Adds one, or puts it in the place of the one of that name; here and elsewhere it is served within seconds.</summary>
    /// <returns>What is wrong with it: nothing was stored then.</returns>
    public async Task<string?> SaveAsync(McpIdentityDbContext db, string name, string document, string actor, CancellationToken cancellationToken)
    {
        var rows = await db.GatewayServers.ToListAsync(cancellationToken);
        var now = time.GetUtcNow();
        if (rows.FirstOrDefault(row => row.Name == name) is not { } row)
        {
            db.GatewayServers.Add(row = new GatewayServer { Name = name, Document = "", CreatedAt = now, UpdatedBy = "" });
            rows.Add(row);
        }

        row.Document = keys.Protect(ServerDocument.Purpose, Encoding.UTF8.GetBytes(document));
        (row.UpdatedAt, row.UpdatedBy) = (now, StorableText.ForDisplay(actor, McpIdentityDbContext.Lengths.Text) ?? "");
        if (Judge(rows).Single(judged => judged.Name == name).Problem is { } problem)
        {
            db.ChangeTracker.Clear();
            return problem;
        }

        await db.SaveChangesAsync(cancellationToken);
        // What came of asking the one before it says nothing of this one.
        await db.WriteAsync(() => db.GatewayContacts.Where(contact => contact.Server == name).ExecuteDeleteAsync(cancellationToken), cancellationToken);
        await signals.SendAsync(db, ServersFeed.Signal);
        return null;
    }

    /// <summary>Takes one away, with what is known of its tools.</summary>
    /// <returns>False where there is none of that name.</returns>
    public async Task<bool> RemoveAsync(McpIdentityDbContext db, string name, CancellationToken cancellationToken)
    {
        var removed = await db.WriteAsync(() => db.GatewayServers.Where(row => row.Name == name).ExecuteDeleteAsync(cancellationToken), cancellationToken) > 0;
        if (removed && !configured.Value.Servers.ContainsKey(name))
        {
            await db.WriteAsync(() => db.GatewayTools.Where(row => row.Server == name).ExecuteDeleteAsync(cancellationToken), cancellationToken);
            await db.WriteAsync(() => db.GatewayContacts.Where(row => row.Server == name).ExecuteDeleteAsync(cancellationToken), cancellationToken);
            await db.WriteAsync(() => db.UpstreamRegistrations.Where(row => row.Server == name).ExecuteDeleteAsync(cancellationToken), cancellationToken);
        }

        await signals.SendAsync(db, ServersFeed.Signal);
        return removed;
    }

    private string? ProblemOf(string name, FrontedServerOptions options, Dictionary<string, string> paths) =>
        configured.Value.Servers.ContainsKey(name) ? "the configuration has a server of this name, which counts."
        : !oauth.Value.Enabled ? "OAuth:Enabled (OAUTH_ENABLED) is false."
        : rules.Check(name, options, name).ToArray() is { Length: > 0 } problems ? string.Join(" ", problems)
        : paths.GetValueOrDefault(FrontedServer.PathOf(name, options)) is { } other ? $"{other} is at the same Path, {FrontedServer.PathOf(name, options)}."
        : null;
}
