using McpIdentity.Mcp;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Persistence;
using McpIdentity.Server.Revocation;
using Microsoft.Extensions.Caching.Memory;
using OpenIddict.Abstractions;
using OpenIddict.EntityFrameworkCore.Models;

namespace McpIdentity.Server.Clients;

/// <summary>
/// Clients remembered across requests: every token request reads one. OpenIddict's own cache lives as long as a request.
/// The entries are copies, so that no two requests share an entity that EF Core writes to. While the database is
/// away they stay good for some minutes: what needs no more than a known client goes on.
/// </summary>
internal sealed class ClientCache(
    ClientCache.Entries entries, SignedClients signed, PreparedSql sql, TimeProvider time, IOpenIddictApplicationStore<OpenIddictEntityFrameworkCoreApplication> store)
    : IOpenIddictApplicationCache<OpenIddictEntityFrameworkCoreApplication>
{
    /// <summary>The part that outlives a request. Another node's change shows after <see cref="Lifetime"/>.</summary>
    internal sealed class Entries : IDisposable
    {
        public static readonly TimeSpan Lifetime = TimeSpan.FromSeconds(10);

        /// <summary>For how long a client is known without a look into the database.</summary>
        public static readonly TimeSpan GoodWhileAway = TimeSpan.FromMinutes(5);

        private int _forgotten;

        public Entries(RevocationList revocations, TimeProvider time)
        {
            Clients = BoundedCache.Of(10_000, time);
            revocations.Added += (kind, target) =>
            {
                if (kind == RevocationKind.Client)
                {
                    Forget(target);
                }
            };
        }

        public MemoryCache Clients { get; }

        /// <summary>How often something was forgotten: what was read before may be out of date.</summary>
        public int Forgotten => Volatile.Read(ref _forgotten);

        /// <summary>A client was disabled or deleted, here or on another node: it gets nothing more from what is remembered of it.</summary>
        public void Forget(string clientId)
        {
            Interlocked.Increment(ref _forgotten);
            if (Clients.TryGetValue(ByClientId(clientId), out Remembered? known))
            {
                Clients.Remove(ById(known!.Client.Id!));
            }

            Clients.Remove(ByClientId(clientId));
        }

        public void Dispose() => Clients.Dispose();
    }

    /// <summary>A client as it was read.</summary>
    private sealed class Remembered(OpenIddictEntityFrameworkCoreApplication client, DateTimeOffset readAt)
    {
        // One request asks the database, or finds it away; those that come meanwhile take what is known.
        private static readonly TimeSpan AskAgainAfter = TimeSpan.FromSeconds(5);

        private long _askAt = (readAt + Entries.Lifetime).UtcTicks;

        public OpenIddictEntityFrameworkCoreApplication Client => client;

        public bool IsGood(DateTimeOffset now) => now < readAt + Entries.GoodWhileAway;

        /// <summary>Whether the database is to be asked, by whoever is told so.</summary>
        public bool IsToBeAsked(DateTimeOffset now) =>
            Volatile.Read(ref _askAt) is var at && now.UtcTicks >= at && Interlocked.CompareExchange(ref _askAt, (now + AskAgainAfter).UtcTicks, at) == at;
    }

    // Called after a client was written, with the tracked entity: what was remembered of it is out of date.
    public ValueTask AddAsync(OpenIddictEntityFrameworkCoreApplication application, CancellationToken cancellationToken) =>
        RemoveAsync(application, cancellationToken);

    public ValueTask RemoveAsync(OpenIddictEntityFrameworkCoreApplication application, CancellationToken cancellationToken)
    {
        entries.Forget(application.ClientId!);
        entries.Clients.Remove(ById(application.Id!));
        return default;
    }

    public async ValueTask<OpenIddictEntityFrameworkCoreApplication?> FindByClientIdAsync(string identifier, CancellationToken cancellationToken)
    {
        var found = await FindStoredAsync();
        return found is null && await signed.RestoreAsync(identifier, cancellationToken) ? await FindStoredAsync() : found;

        ValueTask<OpenIddictEntityFrameworkCoreApplication?> FindStoredAsync() =>
            FindAsync(ByClientId(identifier), ClientStatements.ByClientId, identifier, cancellationToken);
    }

    public ValueTask<OpenIddictEntityFrameworkCoreApplication?> FindByIdAsync(string identifier, CancellationToken cancellationToken) =>
        FindAsync(ById(identifier), ClientStatements.ById, identifier, cancellationToken);

    public IAsyncEnumerable<OpenIddictEntityFrameworkCoreApplication> FindByPostLogoutRedirectUriAsync(string uri, CancellationToken cancellationToken) =>
        store.FindByPostLogoutRedirectUriAsync(uri, cancellationToken);

    public IAsyncEnumerable<OpenIddictEntityFrameworkCoreApplication> FindByRedirectUriAsync(string uri, CancellationToken cancellationToken) =>
        store.FindByRedirectUriAsync(uri, cancellationToken);

    private async ValueTask<OpenIddictEntityFrameworkCoreApplication?> FindAsync((string, string) key, string select, string identifier, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        var known = entries.Clients.Get<Remembered>(key) is { } remembered && remembered.IsGood(now) ? remembered : null;
        if (known is not null && !known.IsToBeAsked(now))
        {
            return known.Client;
        }

        var forgotten = entries.Forgotten;
        ClientStatements.Found? found;
        try
        {
            found = await sql.ReadAsync(select, [identifier], ClientStatements.Read, cancellationToken);
        }
        catch (Exception exception) when (known is not null && entries.Clients.Get<Remembered>(key) == known && StorageFaults.IsOne(exception))
        {
            return known.Client;
        }

        if (found is null or { Waits: true })
        {
            // An unknown client is not remembered: it may be registered on another node in the next moment; nor is one that
            // waits, which an operator may approve in that moment.
            entries.Clients.Remove(key);
        }
        else if (forgotten == entries.Forgotten)
        {
            entries.Clients.Set(key, new Remembered(found.Client, now), new MemoryCacheEntryOptions { Size = 1, AbsoluteExpirationRelativeToNow = Entries.GoodWhileAway });
        }

        return found?.Client;
    }

    private static (string, string) ByClientId(string clientId) => ("client_id", clientId);

    private static (string, string) ById(string id) => ("id", id);
}
