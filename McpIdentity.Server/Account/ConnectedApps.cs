using McpIdentity.Migrations;
using McpIdentity.Migrations.Entities;
using Microsoft.EntityFrameworkCore;

namespace McpIdentity.Server.Account;

/// <summary>
/// What a person has connected, as they think of it: one entry an app. An app that an operator or a host has named is one client.
/// One that named itself registers again and again, Claude Code with each new port: what has one name and sends the answer to one
/// place is one entry, with the number of its connections. That folds what is shown and nothing else: each client keeps its
/// own consents, grants and revocations, and none can use another's. Ending the entry ends all of them, so that an app that gave itself the
/// name of another is not what is left when the person has disconnected that one.
/// </summary>
internal sealed class ConnectedApps(McpIdentityDbContext db, TimeProvider time)
{
    public const int PageSize = 20;

    /// <summary>One page, of what was used last first.</summary>
    /// <param name="userId">Whose.</param>
    /// <param name="page">From 1; one that there is not becomes the nearest.</param>
    /// <param name="cancellationToken">Ends the work.</param>
    public async Task<(IReadOnlyList<Entry> Entries, Pager Pager)> ListAsync(string userId, int page, CancellationToken cancellationToken)
    {
        var entries = EntriesOf(userId);
        var pager = Pager.For(page, await entries.CountAsync(cancellationToken), PageSize);
        return (await entries.OrderByDescending(entry => entry.LastUsed ?? entry.Allowed).ThenBy(entry => entry.Key)
            .Skip(pager.Skip).Take(PageSize).ToListAsync(cancellationToken), pager);
    }

    /// <returns>The entry that a client of the person's is in; null when they have none of that identifier, or not any more.</returns>
    public async Task<Entry?> FindAsync(string userId, string? clientId, CancellationToken cancellationToken) =>
        await HeldBy(userId).Where(held => held.ClientId == clientId).Select(held => held.Key).FirstOrDefaultAsync(cancellationToken) is { } key
            ? await EntriesOf(userId).Where(entry => entry.Key == key).FirstOrDefaultAsync(cancellationToken)
            : null;

    /// <summary>The clients behind an entry.</summary>
    public Task<List<string>> ClientsOfAsync(string userId, Entry entry, CancellationToken cancellationToken) =>
        HeldBy(userId).Where(held => held.Key == entry.Key).Select(held => held.ClientId).Distinct().ToListAsync(cancellationToken);

    /// <summary>Every client that the person has allowed anything.</summary>
    public Task<List<string>> AllClientsOfAsync(string userId, CancellationToken cancellationToken) =>
        HeldBy(userId).Select(held => held.ClientId).Distinct().ToListAsync(cancellationToken);

    public Task<int> CountAsync(string userId, CancellationToken cancellationToken) => EntriesOf(userId).CountAsync(cancellationToken);

    /// <summary>How many apps were connected from some of the person's browsers.</summary>
    public Task<int> CountOfSessionsAsync(string userId, IReadOnlyCollection<string> sessionIds, CancellationToken cancellationToken) =>
        (from grant in LivingOf(userId).Where(grant => sessionIds.Contains(grant.SessionId))
         join named in Names() on grant.ClientId equals named.ClientId into found
         from named in found.DefaultIfEmpty()
         select named!.Key ?? grant.ClientId).Distinct().CountAsync(cancellationToken);

    /// <summary>The living grants behind some entries, the oldest first, each with the key of its entry.</summary>
    public async Task<ILookup<string, Grant>> GrantsOfAsync(string userId, IReadOnlyCollection<string> keys, CancellationToken cancellationToken)
    {
        var grants =
            from grant in LivingOf(userId)
            join named in Names() on grant.ClientId equals named.ClientId into found
            from named in found.DefaultIfEmpty()
            where keys.Contains(named!.Key ?? grant.ClientId)
            orderby grant.CreatedAt
            select new { Key = named!.Key ?? grant.ClientId, Grant = grant };
        return (await grants.AsNoTracking().ToListAsync(cancellationToken)).ToLookup(row => row.Key, row => row.Grant);
    }

    /// <summary>The remembered consents behind some entries.</summary>
    public async Task<ILookup<string, Consent>> ConsentsOfAsync(string userId, IReadOnlyCollection<string> keys, CancellationToken cancellationToken)
    {
        var consents =
            from consent in db.Consents.Where(consent => consent.UserId == userId)
            join named in Names() on consent.ClientId equals named.ClientId into found
            from named in found.DefaultIfEmpty()
            where keys.Contains(named!.Key ?? consent.ClientId)
            select new { Key = named!.Key ?? consent.ClientId, Consent = consent };
        return (await consents.AsNoTracking().ToListAsync(cancellationToken)).ToLookup(row => row.Key, row => row.Consent);
    }

    private IQueryable<Entry> EntriesOf(string userId) => HeldBy(userId).GroupBy(held => held.Key).Select(group => new Entry
    {
        Key = group.Key,
        ClientId = group.Min(held => held.ClientId)!,
        Clients = group.Select(held => held.ClientId).Distinct().Count(),
        Connected = group.Where(held => held.IsGrant).Min(held => (DateTimeOffset?)held.Since),
        LastUsed = group.Where(held => held.IsGrant).Max(held => (DateTimeOffset?)held.Used),
        Allowed = group.Where(held => !held.IsGrant).Max(held => (DateTimeOffset?)held.Since),
    });

    // A grant each, and a remembered consent each, with the key of its entry.
    private IQueryable<Held> HeldBy(string userId)
    {
        var held = LivingOf(userId)
            .Select(grant => new { grant.ClientId, Since = grant.CreatedAt, Used = grant.RotatedAt, IsGrant = true })
            .Concat(db.Consents.Where(consent => consent.UserId == userId)
                .Select(consent => new { consent.ClientId, Since = consent.GrantedAt, Used = consent.GrantedAt, IsGrant = false }));
        return from one in held
               join named in Names() on one.ClientId equals named.ClientId into found
               from named in found.DefaultIfEmpty()
               select new Held { Key = named!.Key ?? one.ClientId, ClientId = one.ClientId, Since = one.Since, Used = one.Used, IsGrant = one.IsGrant };
    }

    private IQueryable<Grant> LivingOf(string userId)
    {
        var now = time.GetUtcNow();
        return db.Grants.Where(grant => grant.UserId == userId && grant.RevokedAt == null && grant.ExpiresAt > now);
    }

    // The names that clients gave themselves, each with the place where the answer goes. Of several redirect URIs all count, or somebody could
    // add one of their own to another's. http leads to this computer and nowhere else (RedirectUris), on whatever port. Of an https URI the
    // host counts; of a private scheme the scheme.
#pragma warning disable CA1866, CA1307, CA1310 // in SQL, which compares as it does
    private IQueryable<Named> Names() => db.Clients
        .Where(client => EF.Property<DateTimeOffset?>(client, ClientColumns.RegisteredAt) != null && client.DisplayName != null && client.RedirectUris != null &&
            !client.ClientId!.StartsWith("https://")) // that is who has published the document at this address
        .Select(client => new Named
        {
            ClientId = client.ClientId!,
            Key = client.DisplayName + "\n" + (
                client.RedirectUris!.Contains("\",\"") ? client.RedirectUris
                : client.RedirectUris.StartsWith("[\"http://") ? "http"
                : (client.RedirectUris.Replace("https://", "") + "/").Substring(0, (client.RedirectUris.Replace("https://", "") + "/").IndexOf("/"))),
        });
#pragma warning restore CA1866, CA1307, CA1310

    /// <summary>An app in the list, without what its grants say of it.</summary>
    internal sealed class Entry
    {
        /// <summary>What its clients have in common.</summary>
        public required string Key { get; init; }

        /// <summary>One of its clients, which stands for it in addresses and forms.</summary>
        public required string ClientId { get; init; }

        /// <summary>How many clients there are behind it.</summary>
        public required int Clients { get; init; }

        /// <summary>When the oldest grant that lives was given; null: it is allowed and not connected.</summary>
        public required DateTimeOffset? Connected { get; init; }

        /// <summary>When it last got tokens. It may have used them until they expired.</summary>
        public required DateTimeOffset? LastUsed { get; init; }

        /// <summary>When it was last allowed what is remembered; null where nothing is.</summary>
        public required DateTimeOffset? Allowed { get; init; }
    }

    private sealed class Held
    {
        public required string Key { get; init; }

        public required string ClientId { get; init; }

        public required DateTimeOffset Since { get; init; }

        public required DateTimeOffset Used { get; init; }

        public required bool IsGrant { get; init; }
    }

    private sealed class Named
    {
        public required string ClientId { get; init; }

        public required string Key { get; init; }
    }
}
