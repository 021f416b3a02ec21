using McpIdentity.Migrations;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Revocation;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Caching.Memory;
using OpenIddict.Abstractions;
using OpenIddict.EntityFrameworkCore.Models;

namespace McpIdentity.Server.Clients;

/// <summary>
/// Clients remembered across requests: every token request reads one. OpenIddict's own cache lives as long as a request.
/// The entries are untracked copies, so that no two requests share an entity that EF Core writes to.
/// </summary>
internal sealed class ClientCache(ClientCache.Entries entries, McpIdentityDbContext db, IOpenIddictApplicationStore<OpenIddictEntityFrameworkCoreApplication> store)
    : IOpenIddictApplicationCache<OpenIddictEntityFrameworkCoreApplication>
{
    /// <summary>The part that outlives a request. Another node's change shows after <see cref="Lifetime"/>.</summary>
    internal sealed class Entries : IDisposable
    {
        public static readonly TimeSpan Lifetime = TimeSpan.FromSeconds(10);

        public Entries(RevocationList revocations) => revocations.Added += (kind, target) =>
        {
            if (kind == RevocationKind.Client)
            {
                Forget(target);
            }
        };

        public MemoryCache Clients { get; } = new(new MemoryCacheOptions { SizeLimit = 10_000 });

        /// <summary>A client was disabled or deleted, here or on another node: it gets nothing more from what is remembered of it.</summary>
        public void Forget(string clientId)
        {
            if (Clients.TryGetValue(ByClientId(clientId), out OpenIddictEntityFrameworkCoreApplication? client))
            {
                Clients.Remove(ById(client!.Id!));
            }

            Clients.Remove(ByClientId(clientId));
        }

        public void Dispose() => Clients.Dispose();
    }

    // Called after a client was written, with the tracked entity: what was remembered of it is out of date.
    public ValueTask AddAsync(OpenIddictEntityFrameworkCoreApplication application, CancellationToken cancellationToken) =>
        RemoveAsync(application, cancellationToken);

    public ValueTask RemoveAsync(OpenIddictEntityFrameworkCoreApplication application, CancellationToken cancellationToken)
    {
        entries.Clients.Remove(ByClientId(application.ClientId!));
        entries.Clients.Remove(ById(application.Id!));
        return default;
    }

    public ValueTask<OpenIddictEntityFrameworkCoreApplication?> FindByClientIdAsync(string identifier, CancellationToken cancellationToken) =>
        FindAsync(ByClientId(identifier), clients => clients.Where(client => client.ClientId == identifier), cancellationToken);

    public ValueTask<OpenIddictEntityFrameworkCoreApplication?> FindByIdAsync(string identifier, CancellationToken cancellationToken) =>
        FindAsync(ById(identifier), clients => clients.Where(client => client.Id == identifier), cancellationToken);

    public IAsyncEnumerable<OpenIddictEntityFrameworkCoreApplication> FindByPostLogoutRedirectUriAsync(string uri, CancellationToken cancellationToken) =>
        store.FindByPostLogoutRedirectUriAsync(uri, cancellationToken);

    public IAsyncEnumerable<OpenIddictEntityFrameworkCoreApplication> FindByRedirectUriAsync(string uri, CancellationToken cancellationToken) =>
        store.FindByRedirectUriAsync(uri, cancellationToken);

    private async ValueTask<OpenIddictEntityFrameworkCoreApplication?> FindAsync(
        (string, string) key,
        Func<IQueryable<OpenIddictEntityFrameworkCoreApplication>, IQueryable<OpenIddictEntityFrameworkCoreApplication>> where,
        CancellationToken cancellationToken)
    {
        if (entries.Clients.TryGetValue(key, out OpenIddictEntityFrameworkCoreApplication? client))
        {
            return client;
        }

        // A disabled client is as good as unknown.
        client = await where(db.Clients.AsNoTracking().Where(stored => EF.Property<DateTimeOffset?>(stored, ClientColumns.DisabledAt) == null))
            .SingleOrDefaultAsync(cancellationToken);
        // An unknown client is not remembered: it may be registered on another node in the next moment.
        if (client is not null)
        {
            entries.Clients.Set(key, client, new MemoryCacheEntryOptions { Size = 1, AbsoluteExpirationRelativeToNow = Entries.Lifetime });
        }

        return client;
    }

    private static (string, string) ByClientId(string clientId) => ("client_id", clientId);

    private static (string, string) ById(string id) => ("id", id);
}
