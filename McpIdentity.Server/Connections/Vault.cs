using System.Security.Cryptography;
using System.Text.Json;
using McpIdentity.Migrations;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Keys;
using McpIdentity.Server.Revocation;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Caching.Memory;

namespace McpIdentity.Server.Connections;

/// <summary>
/// The tokens of people's own accounts at servers behind this one. Each is decrypted once a minute at most on a node, and refreshed shortly
/// before it expires by one node alone: the row says who does it, and for how long the others leave it to them.
/// </summary>
internal sealed partial class Vault(
    Authorities authorities, TokenEndpoint endpoint, OwnClients clients, EncryptionKeys keys, RevocationSignals signals, IServiceScopeFactory scopes, TimeProvider time, ILogger<Vault> logger) : IDisposable
{
    public const string Purpose = "upstream connections";

    /// <summary>What the signal says of a connection that changed.</summary>
    public const string Signal = "connections";

    /// <summary>For how long one node has a refresh to itself: longer than it can last.</summary>
    public static readonly TimeSpan Lease = TimeSpan.FromSeconds(30);

    private static readonly TimeSpan Margin = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan Remembered = TimeSpan.FromMinutes(1);

    private readonly MemoryCache _known = new(new MemoryCacheOptions { SizeLimit = 10_000 });
    private readonly Dictionary<(string, string), Task<string?>> _renewing = [];

    /// <returns>The access token; null where the person has not connected an account, or has to do so anew.</returns>
    /// <exception cref="AuthorityException">It cannot be refreshed now.</exception>
    public async ValueTask<string?> TokenForAsync(ConnectableServer server, string userId, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        if (_known.TryGetValue((userId, server.Name), out Known? known) && known!.Until > now)
        {
            return known.Token;
        }

        if (await FindAsync(server.Name, userId, cancellationToken) is not var (row, tokens))
        {
            return null;
        }

        return IsFresh(tokens, now) ? Remember(row, tokens) : await RenewAsync(server, userId, tokens.AccessToken, cancellationToken);
    }

    /// <summary>The server does not take a token.</summary>
    /// <returns>Another one; null where there is none to be had.</returns>
    /// <inheritdoc cref="TokenForAsync" path="/exception"/>
    public async Task<string?> AfterRefusalAsync(ConnectableServer server, string userId, string refused, CancellationToken cancellationToken)
    {
        _known.Remove((userId, server.Name));
        return await RenewAsync(server, userId, refused, cancellationToken) is { } token && token != refused ? token : null;
    }

    /// <summary>Stores what a person has just connected, in the place of what was there.</summary>
    public async Task KeepAsync(string server, string userId, ConnectionTokens tokens, string? scope, CancellationToken cancellationToken)
    {
        await using var services = scopes.CreateAsyncScope();
        var db = services.ServiceProvider.GetRequiredService<McpIdentityDbContext>();
        var now = time.GetUtcNow();
        var said = StorableText.ForDisplay(scope, McpIdentityDbContext.Lengths.ClientId);
        for (var attempt = 0; ; attempt++)
        {
            if (await db.WriteAsync(
                () => db.UpstreamConnections.Where(row => row.UserId == userId && row.Server == server).ExecuteUpdateAsync(
                    set => set.SetProperty(row => row.Tokens, Protect(tokens)).SetProperty(row => row.Version, row => row.Version + 1).SetProperty(row => row.RefreshingUntil, (DateTimeOffset?)null)
                        .SetProperty(row => row.CreatedAt, now).SetProperty(row => row.UpdatedAt, now).SetProperty(row => row.Scope, said),
                    cancellationToken),
                cancellationToken) == 1)
            {
                break;
            }

            // No version that a row before it may have had, of which a refresh is still under way.
            var version = RandomNumberGenerator.GetInt32(1 << 30);
            db.UpstreamConnections.Add(new UpstreamConnection { UserId = userId, Server = server, Tokens = Protect(tokens), Version = version, CreatedAt = now, UpdatedAt = now, Scope = said });
            try
            {
                await db.SaveChangesAsync(cancellationToken);
                break;
            }
            catch (DbUpdateException) when (attempt == 0)
            {
                db.ChangeTracker.Clear(); // another browser of theirs was a moment earlier
            }
        }

        await ChangedAsync(db);
    }

    /// <summary>Deletes connections, and gives the tokens back where that is offered.</summary>
    /// <param name="userId">Whose.</param>
    /// <param name="server">To which server; null: to all.</param>
    /// <param name="find">What is known of a server; null where it is not in force.</param>
    /// <returns>How many there were.</returns>
    public async Task<int> EndAsync(string userId, string? server, Func<string, ConnectableServer?> find)
    {
        await using var services = scopes.CreateAsyncScope();
        var db = services.ServiceProvider.GetRequiredService<McpIdentityDbContext>();
        var rows = await db.UpstreamConnections.AsNoTracking().Where(row => row.UserId == userId && (server == null || row.Server == server)).ToListAsync();
        await db.WriteAsync(() => db.UpstreamConnections.Where(row => row.UserId == userId && (server == null || row.Server == server)).ExecuteDeleteAsync(), CancellationToken.None);
        await ChangedAsync(db);
        foreach (var row in rows)
        {
            if (find(row.Server) is { } there && Open(row) is { } tokens)
            {
                try
                {
                    await endpoint.RevokeAsync(there, await authorities.OfAsync(there, CancellationToken.None), tokens);
                }
                catch (AuthorityException exception)
                {
                    NotRevoked(row.Server, exception.Message);
                }
            }
        }

        return rows.Count;
    }

    /// <summary>Somewhere a connection has changed.</summary>
    public void ForgetAll() => _known.Clear();

    public void Dispose() => _known.Dispose();

    private static bool IsFresh(ConnectionTokens tokens, DateTimeOffset now) => tokens.ExpiresAt is not { } until || until - Margin > now;

    private string Protect(ConnectionTokens tokens) => keys.Protect(Purpose, JsonSerializer.SerializeToUtf8Bytes(tokens, ConnectionsJson.Default.ConnectionTokens));

    // Null: under a key that is not known any more.
    private ConnectionTokens? Open(UpstreamConnection row) =>
        keys.Unprotect(Purpose, row.Tokens) is { } json ? JsonSerializer.Deserialize(json, ConnectionsJson.Default.ConnectionTokens) : null;

    private string Remember(UpstreamConnection row, ConnectionTokens tokens)
    {
        var now = time.GetUtcNow();
        var until = tokens.ExpiresAt is { } expires && expires < now + Remembered ? expires : now + Remembered;
        _known.Set((row.UserId, row.Server), new Known(tokens.AccessToken, until), new MemoryCacheEntryOptions { Size = 1, AbsoluteExpirationRelativeToNow = Remembered });
        return tokens.AccessToken;
    }

    private async Task<(UpstreamConnection Row, ConnectionTokens Tokens)?> FindAsync(string server, string userId, CancellationToken cancellationToken)
    {
        await using var services = scopes.CreateAsyncScope();
        var db = services.ServiceProvider.GetRequiredService<McpIdentityDbContext>();
        return await db.UpstreamConnections.AsNoTracking().SingleOrDefaultAsync(row => row.UserId == userId && row.Server == server, cancellationToken) is { } row && Open(row) is { } tokens
            ? (row, tokens)
            : null;
    }

    // Who comes while it is under way on this node waits for the same answer; nobody's leaving takes it from the others.
    private Task<string?> RenewAsync(ConnectableServer server, string userId, string old, CancellationToken cancellationToken)
    {
        lock (_renewing)
        {
            if (!_renewing.TryGetValue((userId, server.Name), out var renewing))
            {
                _renewing[(userId, server.Name)] = renewing = Task.Run(async () =>
                {
                    try
                    {
                        return await RenewAsync(server, userId, old);
                    }
                    finally
                    {
                        lock (_renewing)
                        {
                            _renewing.Remove((userId, server.Name));
                        }
                    }
                }, CancellationToken.None);
            }

            return renewing.WaitAsync(cancellationToken);
        }
    }

    private async Task<string?> RenewAsync(ConnectableServer server, string userId, string old)
    {
        var pause = TimeSpan.FromMilliseconds(25);
        for (var waited = TimeSpan.Zero; waited < Lease; waited += pause, pause = pause < TimeSpan.FromSeconds(1) ? pause * 2 : pause)
        {
            if (await FindAsync(server.Name, userId, CancellationToken.None) is not var (row, tokens))
            {
                return null;
            }

            if (tokens.AccessToken != old)
            {
                return Remember(row, tokens); // another node has done it
            }

            if (tokens.RefreshToken is null)
            {
                return IsAlive(tokens) ? Remember(row, tokens) : null;
            }

            if (await TakeAsync(row))
            {
                return await RefreshAsync(server, row, tokens);
            }

            await Task.Delay(pause);
        }

        throw new AuthorityException("another node of this server refreshes the person's token and does not come to an end");
    }

    private bool IsAlive(ConnectionTokens tokens) => tokens.ExpiresAt is not { } until || until > time.GetUtcNow();

    private async Task<string?> RefreshAsync(ConnectableServer server, UpstreamConnection row, ConnectionTokens tokens)
    {
        try
        {
            var authority = await authorities.OfAsync(server, CancellationToken.None);
            if (authority.Issuer != tokens.Issuer)
            {
                throw new ConnectionEndedException("its authorization server is another one now"); // what is another's is not shown to it
            }

            var renewed = await endpoint.RefreshAsync(server, authority, tokens);
            var now = time.GetUtcNow();
            if (await UpdateAsync(row, (rows, protectedTokens) => rows.ExecuteUpdateAsync(
                set => set.SetProperty(one => one.Tokens, protectedTokens).SetProperty(one => one.Version, row.Version + 1)
                    .SetProperty(one => one.RefreshingUntil, (DateTimeOffset?)null).SetProperty(one => one.UpdatedAt, now)), Protect(renewed)))
            {
                row.Version++;
                return Remember(row, renewed);
            }

            // Disconnected, or connected anew, meanwhile: what is there now counts.
            return await FindAsync(server.Name, row.UserId, CancellationToken.None) is var (other, current) ? Remember(other, current) : null;
        }
        catch (ConnectionEndedException exception)
        {
            Ended(server.Name, exception.Message);
            await UpdateAsync(row, (rows, _) => rows.ExecuteDeleteAsync(), "");
            if (exception.Message == OpenIddict.Abstractions.OpenIddictConstants.Errors.InvalidClient)
            {
                await clients.ForgetAsync(server, tokens.Issuer, tokens.Client.Id);
            }

            return null;
        }
        catch (AuthorityException)
        {
            authorities.Forget(server);
            await UpdateAsync(row, (rows, _) => rows.ExecuteUpdateAsync(set => set.SetProperty(one => one.RefreshingUntil, (DateTimeOffset?)null)), "");
            if (IsAlive(tokens) && !IsFresh(tokens, time.GetUtcNow())) // and was not refused
            {
                return tokens.AccessToken; // for the minute that it still has
            }

            throw;
        }
    }

    // The one statement that decides who does it.
    private Task<bool> TakeAsync(UpstreamConnection row)
    {
        var now = time.GetUtcNow();
        return UpdateAsync(row, (rows, _) => rows.Where(one => one.RefreshingUntil == null || one.RefreshingUntil <= now)
            .ExecuteUpdateAsync(set => set.SetProperty(one => one.RefreshingUntil, now + Lease)), "");
    }

    private async Task<bool> UpdateAsync(UpstreamConnection row, Func<IQueryable<UpstreamConnection>, string, Task<int>> change, string tokens)
    {
        await using var services = scopes.CreateAsyncScope();
        var db = services.ServiceProvider.GetRequiredService<McpIdentityDbContext>();
        return await db.WriteAsync(
            () => change(db.UpstreamConnections.Where(one => one.UserId == row.UserId && one.Server == row.Server && one.Version == row.Version), tokens), CancellationToken.None) == 1;
    }

    private async Task ChangedAsync(McpIdentityDbContext db)
    {
        ForgetAll();
        await signals.SendAsync(db, Signal);
    }

    private sealed record Known(string Token, DateTimeOffset Until);

    [LoggerMessage(5040, LogLevel.Information, "The authorization server of the MCP server '{Server}' has ended a person's connection ({Why}); they are asked to connect anew.")]
    private partial void Ended(string server, string why);

    [LoggerMessage(5041, LogLevel.Warning, "A connection to the MCP server '{Server}' was deleted here, but its tokens could not be revoked there: {Why}")]
    private partial void NotRevoked(string server, string why);
}

/// <summary>Drops what this node remembers of connections when another has changed one.</summary>
internal sealed partial class ConnectionsFeed(Vault vault, RevocationSignals signals, TimeProvider time, ILogger<ConnectionsFeed> logger) : SignalledFeed(Vault.Signal, signals, time)
{
    protected override Task RunAsync(CancellationToken cancellationToken)
    {
        vault.ForgetAll();
        return Task.CompletedTask;
    }

    protected override void Fails(Exception exception) => CannotForget(exception);

    [LoggerMessage(5042, LogLevel.Warning, "What is remembered of people's connections cannot be dropped.")]
    private partial void CannotForget(Exception exception);
}
