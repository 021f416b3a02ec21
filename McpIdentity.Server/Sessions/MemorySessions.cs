using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using McpIdentity.Migrations.Entities;

namespace McpIdentity.Server.Sessions;

/// <summary>Sessions of this process alone: all of them end with it.</summary>
internal sealed class MemorySessions(TimeProvider time) : ISessionStorage
{
    private readonly ConcurrentDictionary<string, SignInSession> _sessions = new(StringComparer.Ordinal);
    private DateTimeOffset _nextPrune;

    public Task<int> OpenAsync(CancellationToken cancellationToken) => Task.FromResult(0);

    public Task AddAsync(SignInSession session, CancellationToken cancellationToken)
    {
        Prune();
        _sessions[session.Id] = session;
        return Task.CompletedTask;
    }

    public Task<SignInSession?> FindAsync(string id, CancellationToken cancellationToken) => Task.FromResult(_sessions.GetValueOrDefault(id));

    public Task<SignInSession?> UpdateAsync(string id, Func<SignInSession, SignInSession> change, CancellationToken cancellationToken)
    {
        while (_sessions.TryGetValue(id, out var session))
        {
            var changed = change(session);
            if (_sessions.TryUpdate(id, changed, session))
            {
                return Task.FromResult<SignInSession?>(changed);
            }
        }

        return Task.FromResult<SignInSession?>(null);
    }

    public Task<bool> EndAsync(string id, CancellationToken cancellationToken) => Task.FromResult(_sessions.TryRemove(id, out _));

    public async IAsyncEnumerable<SignInSession> ListAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        foreach (var session in _sessions.Values)
        {
            yield return session;
        }

        await Task.CompletedTask;
    }

    public Task<IReadOnlyList<SignInSession>> ListOfAsync(string userId, CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<SignInSession>>([.. _sessions.Values.Where(session => session.UserId == userId)]);

    public Task CheckAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    // Nothing else removes sessions that have expired: each new one looks for them, at most once a minute.
    private void Prune()
    {
        var now = time.GetUtcNow();
        if (now < _nextPrune)
        {
            return;
        }

        _nextPrune = now.AddMinutes(1);
        foreach (var session in _sessions.Values.Where(session => session.KeptUntil <= now))
        {
            _sessions.TryRemove(session.Id, out _);
        }
    }
}
