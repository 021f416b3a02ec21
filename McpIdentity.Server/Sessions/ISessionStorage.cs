using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Persistence;
using McpIdentity.Server.Settings;

namespace McpIdentity.Server.Sessions;

/// <summary>
/// Where sign-in sessions are kept (<see cref="SessionStorageType"/>). Whether one still counts is not asked here: a storage
/// returns what it holds and can read, and <see cref="SignInSessions"/> looks at the clock.
/// </summary>
internal interface ISessionStorage
{
    /// <summary>Opens it before the first request.</summary>
    /// <returns>How many sessions cannot be read, because their encryption key is not configured any more.</returns>
    /// <exception cref="InvalidOperationException">It cannot work as configured; the message is for the operator.</exception>
    Task<int> OpenAsync(CancellationToken cancellationToken);

    /// <exception cref="StorageUnavailableException">It is out of reach; so with all that follow.</exception>
    Task AddAsync(SignInSession session, CancellationToken cancellationToken);

    /// <returns>Null for one that was never there, has ended, or was protected under an unknown key.</returns>
    Task<SignInSession?> FindAsync(string id, CancellationToken cancellationToken);

    /// <summary>A session with the person whose it is: in one look, where both are in one place.</summary>
    /// <returns>Null also where the person was deleted.</returns>
    async Task<SessionOfPerson?> FindWithPersonAsync(string id, People people, CancellationToken cancellationToken) =>
        await FindAsync(id, cancellationToken) is { } session && await people.ReadAsync(session.UserId, cancellationToken) is { } person ? new SessionOfPerson(session, person) : null;

    /// <summary>Changes a session unless it has ended; of two changes at once none is lost.</summary>
    /// <param name="id">Which.</param>
    /// <param name="change">May be called more than once.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>The session as it is now, or null when it has ended.</returns>
    Task<SignInSession?> UpdateAsync(string id, Func<SignInSession, SignInSession> change, CancellationToken cancellationToken);

    /// <summary>Ends a session for good.</summary>
    /// <returns>False when there was none.</returns>
    Task<bool> EndAsync(string id, CancellationToken cancellationToken);

    /// <summary>Everything that has not ended, in no particular order.</summary>
    IAsyncEnumerable<SignInSession> ListAsync(CancellationToken cancellationToken);

    /// <summary>Those of one person that have not ended, in no particular order, and without reading everybody's.</summary>
    Task<IReadOnlyList<SignInSession>> ListOfAsync(string userId, CancellationToken cancellationToken);

    /// <summary>Whether it answers, for the readiness check: returns or throws.</summary>
    Task CheckAsync(CancellationToken cancellationToken);
}

/// <summary>A session, and the person whose it is as they are stored now.</summary>
internal sealed record SessionOfPerson(SignInSession Session, User Person);
