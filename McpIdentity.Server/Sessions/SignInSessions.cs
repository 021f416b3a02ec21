using System.Diagnostics;
using McpIdentity.Mcp;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Keys;
using McpIdentity.Server.Persistence;
using McpIdentity.Server.Revocation;
using McpIdentity.Server.Settings;
using Microsoft.Extensions.Caching.Memory;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Sessions;

/// <summary>
/// Whether the session behind a token lives: asked for every call, and answered from memory. A session is looked up when
/// this node first sees it and once a minute after that; what ends one in between comes by the revocation feed.
/// </summary>
internal sealed partial class SignInSessions(
    ISessionStorage storage, People people, RevocationList revoked, EncryptionKeys keys, IServiceScopeFactory scopes, TimeProvider time,
    IOptions<OAuthServerOptions> options, ILogger<SignInSessions> logger) : IMcpSessionStore, IDisposable
{
    private const int MaxKnown = 100_000;

    // For what no feed tells: a store that was emptied, a row that somebody deleted.
    private static readonly TimeSpan RecheckAfter = TimeSpan.FromMinutes(1);

    private readonly MemoryCache _known = BoundedCache.Of(MaxKnown, time);
    private readonly Outage _outage = new();

    public ValueTask<bool> IsAliveAsync(McpTokenIdentity token, CancellationToken ct) =>
        revoked.IsRevoked(token) ? new(false) : IsAliveAsync(token.SessionId, ct);

    /// <summary>Whether tokens of a session are still good. A token without one, of client credentials, does not depend on any.</summary>
    /// <exception cref="StorageUnavailableException">The session is new to this node, and the storage is out of reach.</exception>
    public ValueTask<bool> IsAliveAsync(string? sessionId, CancellationToken cancellationToken)
    {
        if (string.IsNullOrEmpty(sessionId))
        {
            return new(true);
        }

        var now = time.GetUtcNow();
        return _known.TryGetValue(sessionId, out Known? known) && known!.CheckedAt + RecheckAfter > now && (!known.IsAlive || known.KeptUntil > now)
            ? new(known.IsAlive)
            : LookUpAsync(sessionId, known, now, cancellationToken);
    }

    /// <summary>The session of a browser that is signed in, and who sits there; null when it was signed out, or its time is over.</summary>
    public async Task<SessionOfPerson?> FindSignedInAsync(string sessionId, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        if (revoked.IsRevoked(RevocationKind.Session, sessionId) ||
            await storage.FindWithPersonAsync(sessionId, people, cancellationToken) is not { Session: var session } found || session.SignedInUntil <= now)
        {
            return null;
        }

        // To within a few minutes, so that opening a page does not write each time.
        if (now - session.LastSeenAt > TimeSpan.FromMinutes(5))
        {
            await storage.UpdateAsync(sessionId, row => row.LastSeenAt < now ? row with { LastSeenAt = now } : row, cancellationToken);
        }

        return found;
    }

    /// <summary>
    /// A session lives at least as long as what was granted from it. Called with each code and refresh; it writes only when
    /// the end has come nearer than the new tokens', and then a twentieth beyond them.
    /// </summary>
    public async Task KeepAsync(string sessionId, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        var lifetime = options.Value.RefreshTokenLifetime > options.Value.AccessTokenLifetime ? options.Value.RefreshTokenLifetime : options.Value.AccessTokenLifetime;
        if (_known.TryGetValue(sessionId, out Known? known) && known!.KeptUntil >= now + lifetime)
        {
            return;
        }

        var until = now + lifetime + (lifetime / 20);
        var session = await storage.UpdateAsync(
            sessionId, row => row.KeptUntil < now + lifetime ? row with { KeptUntil = until } : row, cancellationToken);
        Remember(sessionId, session, now);
    }

    /// <summary>The browser is signed out; what was granted from it lives on. For someone who continues with another account.</summary>
    public Task LeaveBrowserAsync(string sessionId, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        return storage.UpdateAsync(sessionId, row => row.SignedInUntil > now ? row with { SignedInUntil = now } : row, cancellationToken);
    }

    /// <summary>Ends a session and everything granted from it: here when this returns, on the other nodes within a second.</summary>
    /// <returns>False when there was no such session.</returns>
    public async Task<bool> EndAsync(string sessionId, CancellationToken cancellationToken)
    {
        // The grants first: they are what acts without a browser. And to the end, whoever hangs up meanwhile.
        cancellationToken.ThrowIfCancellationRequested();
        await using var scope = scopes.CreateAsyncScope();
        await scope.ServiceProvider.GetRequiredService<Revocations>().RevokeSessionAsync(sessionId);
        Remember(sessionId, session: null, time.GetUtcNow());
        return await storage.EndAsync(sessionId, CancellationToken.None);
    }

    /// <summary>Ends all sessions of a person and everything they granted.</summary>
    /// <returns>How many sessions there were.</returns>
    public async Task<int> EndAllOfAsync(string userId, CancellationToken cancellationToken)
    {
        await using var scope = scopes.CreateAsyncScope();
        await scope.ServiceProvider.GetRequiredService<Revocations>().RevokeUserAsync(userId);
        var sessions = await storage.ListOfAsync(userId, cancellationToken);
        foreach (var session in sessions)
        {
            await EndAsync(session.Id, cancellationToken);
        }

        return sessions.Count;
    }

    /// <summary>The provider's own tokens of a living session, to act for the person there.</summary>
    public async Task<UpstreamTokens?> FindUpstreamTokensAsync(string sessionId, CancellationToken cancellationToken) =>
        await storage.FindAsync(sessionId, cancellationToken) is { } session && session.KeptUntil > time.GetUtcNow()
            ? UpstreamTokens.Unprotect(keys, session.ProtectedTokens)
            : null;

    /// <summary>As a new process begins: with nothing in memory.</summary>
    internal void ForgetAll() => _known.Clear();

    public void Dispose() => _known.Dispose();

    private async ValueTask<bool> LookUpAsync(string sessionId, Known? known, DateTimeOffset now, CancellationToken cancellationToken)
    {
        // While the storage is away, sessions that this node knows go on (docs/decisions/0004).
        var goesOn = known is { IsAlive: true } && known.KeptUntil > now;
        if (goesOn && _outage.Recent is not null)
        {
            return true;
        }

        var asked = Stopwatch.GetTimestamp();
        try
        {
            var session = await storage.FindAsync(sessionId, cancellationToken);
            _outage.End();
            return Remember(sessionId, session, now);
        }
        catch (Exception exception) when (goesOn && exception is not OperationCanceledException)
        {
            _outage.Begin(asked, exception);
            StorageAway(exception);
            _known.Set(sessionId, known! with { CheckedAt = now }, OneEntry);
            return true;
        }
    }

    private bool Remember(string sessionId, SignInSession? session, DateTimeOffset now)
    {
        var known = session is not null && session.KeptUntil > now ? new Known(true, session.KeptUntil, now) : new Known(false, now, now);
        _known.Set(sessionId, known, OneEntry);
        return known.IsAlive;
    }

    private static MemoryCacheEntryOptions OneEntry => new() { Size = 1, SlidingExpiration = TimeSpan.FromHours(1) };

    private sealed record Known(bool IsAlive, DateTimeOffset KeptUntil, DateTimeOffset CheckedAt);

    [LoggerMessage(1303, LogLevel.Warning, "The session storage is out of reach. Sessions that this node knows go on; sign-in and others are answered 503.")]
    private partial void StorageAway(Exception exception);
}
