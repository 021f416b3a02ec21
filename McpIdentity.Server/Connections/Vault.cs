using System.Security.Cryptography;
using System.Text.Json;
using McpIdentity.Mcp;
using McpIdentity.Migrations;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Keys;
using McpIdentity.Server.Revocation;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Caching.Memory;

namespace McpIdentity.Server.Connections;

/// <summary>
/// Keeps the tokens of people's own accounts at servers behind this one: a row each, encrypted. What a node has decrypted it remembers for a minute at most.
/// </summary>
internal sealed partial class Vault(
    Authorities authorities, TokenEndpoint endpoint, EncryptionKeys keys, RevocationSignals signals, IServiceScopeFactory scopes, TimeProvider time, ILogger<Vault> logger) : IDisposable
{
    public const string Purpose = "upstream connections";

    /// <summary>What the signal says of a connection that changed.</summary>
    public const string Signal = "connections";

    private static readonly TimeSpan Remembered = TimeSpan.FromMinutes(1);

    private readonly MemoryCache _known = BoundedCache.Of(10_000, time);
    private int _changes;

    /// <returns>The access token that this node remembers; null where it has to be looked up.</returns>
    public string? Recall(ConnectableServer server, string userId) => _known.TryGetValue((userId, server.Name, server.Url), out Known? known) && known!.Until > time.GetUtcNow() ? known.Token : null;

    /// <summary>For a minute, or until it expires; not where something has changed since it was read.</summary>
    /// <returns>The access token.</returns>
    public string Remember(KeptConnection kept)
    {
        var now = time.GetUtcNow();
        var until = kept.Tokens.ExpiresAt is { } expires && expires < now + Remembered ? expires : now + Remembered;
        var key = (kept.Row.UserId, kept.Row.Server, kept.Tokens.Url!);
        _known.Set(key, new Known(kept.Tokens.AccessToken, until), new MemoryCacheEntryOptions { Size = 1, AbsoluteExpirationRelativeToNow = Remembered });
        if (kept.Changes != Volatile.Read(ref _changes))
        {
            _known.Remove(key);
        }

        return kept.Tokens.AccessToken;
    }

    public void Forget(ConnectableServer server, string userId) => _known.Remove((userId, server.Name, server.Url));

    /// <summary>Somewhere a connection has changed.</summary>
    public void ForgetAll()
    {
        Interlocked.Increment(ref _changes);
        _known.Clear();
    }

    /// <returns>
    /// Null where the person has connected nothing; what they have is under a key that is not known any more; or it is of another server, which had this name before.
    /// </returns>
    public async Task<KeptConnection?> FindAsync(ConnectableServer server, string userId, CancellationToken cancellationToken)
    {
        var changes = Volatile.Read(ref _changes);
        await using var services = scopes.CreateAsyncScope();
        var db = services.ServiceProvider.GetRequiredService<McpIdentityDbContext>();
        var row = await db.UpstreamConnections.AsNoTracking().SingleOrDefaultAsync(row => row.UserId == userId && row.Server == server.Name, cancellationToken);
        return row is not null && Open(row) is { } tokens && tokens.Url == server.Url ? new KeptConnection(row, tokens, changes) : null;
    }

    /// <summary>Stores what a person has just connected, in the place of what was there.</summary>
    /// <exception cref="AuthorityException">Nobody is there any more whose they could be.</exception>
    public async Task KeepAsync(string server, string userId, ConnectionTokens tokens, string? scope)
    {
        await using var services = scopes.CreateAsyncScope();
        var db = services.ServiceProvider.GetRequiredService<McpIdentityDbContext>();
        var now = time.GetUtcNow();
        var said = StorableText.ForDisplay(scope, McpIdentityDbContext.Lengths.ClientId);
        if (!await db.Users.AnyAsync(user => user.Id == userId && user.DisabledAt == null))
        {
            throw new AuthorityException("the person was disabled or removed meanwhile");
        }

        for (var attempt = 0; ; attempt++)
        {
            if (await db.WriteAsync(
                () => db.UpstreamConnections.Where(row => row.UserId == userId && row.Server == server).ExecuteUpdateAsync(
                    set => set.SetProperty(row => row.Tokens, Protect(tokens)).SetProperty(row => row.Version, row => row.Version + 1).SetProperty(row => row.RefreshingUntil, (DateTimeOffset?)null)
                        .SetProperty(row => row.CreatedAt, now).SetProperty(row => row.UpdatedAt, now).SetProperty(row => row.Scope, said)),
                CancellationToken.None) == 1)
            {
                break;
            }

            // No version that a row before it may have had, of which a refresh is still under way.
            var version = RandomNumberGenerator.GetInt32(1 << 30);
            db.UpstreamConnections.Add(new UpstreamConnection { UserId = userId, Server = server, Tokens = Protect(tokens), Version = version, CreatedAt = now, UpdatedAt = now, Scope = said });
            try
            {
                await db.SaveChangesAsync();
                break;
            }
            catch (DbUpdateException) when (attempt == 0)
            {
                db.ChangeTracker.Clear(); // another browser of theirs was a moment earlier
            }
        }

        await ChangedAsync(db);
    }

    /// <summary>
    /// The one statement that decides which node refreshes a row. It makes a version of its own, so that only who has it now stores or leaves it, and not who had it before.
    /// </summary>
    /// <param name="row">As it was read.</param>
    /// <param name="lease">For how long the others leave it to this one.</param>
    public async Task<bool> TakeAsync(UpstreamConnection row, TimeSpan lease)
    {
        var now = time.GetUtcNow();
        if (!await ChangeAsync(row, rows => rows.Where(one => one.RefreshingUntil == null || one.RefreshingUntil <= now)
            .ExecuteUpdateAsync(set => set.SetProperty(one => one.RefreshingUntil, now + lease).SetProperty(one => one.Version, row.Version + 1))))
        {
            return false;
        }

        row.Version++;
        return true;
    }

    /// <summary>Leaves a row to others, as it is.</summary>
    public Task LeaveAsync(UpstreamConnection row) =>
        ChangeAsync(row, rows => rows.ExecuteUpdateAsync(set => set.SetProperty(one => one.RefreshingUntil, (DateTimeOffset?)null)));

    /// <summary>Puts what was refreshed in the place of what a row had.</summary>
    /// <returns>False when it was disconnected, or connected anew, meanwhile: what is there now counts.</returns>
    public Task<bool> ReplaceAsync(UpstreamConnection row, ConnectionTokens tokens)
    {
        var (now, kept) = (time.GetUtcNow(), Protect(tokens));
        return ChangeAsync(row, rows => rows.ExecuteUpdateAsync(
            set => set.SetProperty(one => one.Tokens, kept).SetProperty(one => one.Version, row.Version + 1)
                .SetProperty(one => one.RefreshingUntil, (DateTimeOffset?)null).SetProperty(one => one.UpdatedAt, now)));
    }

    /// <summary>Deletes a row whose tokens are good for nothing any more.</summary>
    /// <inheritdoc cref="ReplaceAsync" path="/returns"/>
    public Task<bool> DropAsync(UpstreamConnection row) => ChangeAsync(row, rows => rows.ExecuteDeleteAsync());

    /// <summary>Deletes connections, and gives the tokens back where that is offered.</summary>
    /// <param name="userId">Whose.</param>
    /// <param name="server">To which server; null: to all.</param>
    /// <param name="find">What is known of a server; null where it is not in force.</param>
    /// <returns>What there was.</returns>
    public async Task<EndedConnections> EndAsync(string userId, string? server, Func<string, ConnectableServer?> find)
    {
        await using var services = scopes.CreateAsyncScope();
        var db = services.ServiceProvider.GetRequiredService<McpIdentityDbContext>();
        var ended = new List<UpstreamConnection>();
        while (await db.UpstreamConnections.AsNoTracking().Where(row => row.UserId == userId && (server == null || row.Server == server)).ToListAsync() is { Count: > 0 } rows)
        {
            foreach (var row in rows)
            {
                if (await DropAsync(row)) // else it is another by now, whose tokens are to be given back
                {
                    ended.Add(row);
                }
            }
        }

        await ChangedAsync(db);
        return new EndedConnections([.. ended.Select(row => row.Server).Distinct()], Task.WhenAll(ended.Select(row => RevokeAsync(row, find(row.Server)))));
    }

    /// <summary>Gives tokens back that are kept by nobody.</summary>
    /// <param name="name">Of the server.</param>
    /// <param name="server">What is known of it; null where it is not in force.</param>
    /// <param name="tokens">Which.</param>
    public async Task RevokeAsync(string name, ConnectableServer? server, ConnectionTokens tokens)
    {
        try
        {
            if (server?.Url != tokens.Url)
            {
                throw new AuthorityException($"there is no server at {tokens.Url} now");
            }

            var authority = await authorities.OfAsync(server!, tokens.Issuer, CancellationToken.None) ?? throw new AuthorityException($"they are of {tokens.Issuer}, which the server names no more");
            await endpoint.RevokeAsync(server!, authority, tokens);
        }
        catch (AuthorityException exception)
        {
            NotRevoked(name, exception.Message);
        }
    }

    public void Dispose() => _known.Dispose();

    private string Protect(ConnectionTokens tokens) => keys.Protect(Purpose, JsonSerializer.SerializeToUtf8Bytes(tokens, ConnectionsJson.Default.ConnectionTokens));

    private ConnectionTokens? Open(UpstreamConnection row) =>
        keys.Unprotect(Purpose, row.Tokens) is { } json ? JsonSerializer.Deserialize(json, ConnectionsJson.Default.ConnectionTokens) : null;

    private async Task RevokeAsync(UpstreamConnection row, ConnectableServer? server)
    {
        if (Open(row) is { } tokens)
        {
            await RevokeAsync(row.Server, server, tokens);
        }
    }

    // Only of the version that was read.
    private async Task<bool> ChangeAsync(UpstreamConnection row, Func<IQueryable<UpstreamConnection>, Task<int>> change)
    {
        await using var services = scopes.CreateAsyncScope();
        var db = services.ServiceProvider.GetRequiredService<McpIdentityDbContext>();
        return await db.WriteAsync(
            () => change(db.UpstreamConnections.Where(one => one.UserId == row.UserId && one.Server == row.Server && one.Version == row.Version)), CancellationToken.None) == 1;
    }

    private async Task ChangedAsync(McpIdentityDbContext db)
    {
        ForgetAll();
        await signals.SendAsync(db, Signal);
    }

    private sealed record Known(string Token, DateTimeOffset Until);

    [LoggerMessage(5041, LogLevel.Warning, "A connection to the MCP server '{Server}' was deleted here, but its tokens could not be revoked there: {Why}")]
    private partial void NotRevoked(string server, string why);
}

/// <summary>A connection as it was read.</summary>
/// <param name="Row">The row.</param>
/// <param name="Tokens">What it keeps.</param>
/// <param name="Changes">How many changes this node had heard of before.</param>
internal sealed record KeptConnection(UpstreamConnection Row, ConnectionTokens Tokens, int Changes);

/// <summary>Connections that were deleted.</summary>
/// <param name="Servers">To which servers.</param>
/// <param name="Revoking">Gives their tokens back, where that is offered; it never fails.</param>
internal sealed record EndedConnections(IReadOnlyList<string> Servers, Task Revoking)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    /// <summary>Waits for that, but not as long as somebody waits for a page: it goes on by itself.</summary>
    public Task RevokedSoonAsync() => Task.WhenAny(Revoking, Task.Delay(Patience));
}

/// <summary>Drops what this node remembers of connections when another has changed one.</summary>
internal sealed partial class ConnectionsFeed(Vault vault, RevocationSignals signals, TimeProvider time, ILogger<ConnectionsFeed> logger) : SignalledFeed(Vault.Signal, signals, time)
{
    protected override Task RunAsync(CancellationToken cancellationToken)
    {
        vault.ForgetAll();
        return Task.CompletedTask;
    }

    protected override void Fails(LogLevel level, Exception exception) => CannotForget(level, exception);

    [LoggerMessage(EventId = 5042, Message = "What is remembered of people's connections cannot be dropped.")]
    private partial void CannotForget(LogLevel level, Exception exception);
}
