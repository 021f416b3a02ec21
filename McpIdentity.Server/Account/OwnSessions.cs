using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Sessions;

namespace McpIdentity.Server.Account;

/// <summary>
/// The browsers that a person is signed in with. A session whose sign-in is over lives on for the apps that were connected from it; those
/// stand in the list of apps, and it is no browser of anybody's any more.
/// </summary>
internal sealed class OwnSessions(ISessionStorage storage, TimeProvider time)
{
    public const int PageSize = 20;

    /// <summary>The person's own browser first, then what was seen last.</summary>
    public async Task<IReadOnlyList<SignInSession>> ListAsync(SignedInPerson person, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        return [.. (await storage.ListOfAsync(person.UserId, cancellationToken)).Where(session => session.SignedInUntil > now)
            .OrderByDescending(session => session.Id == person.SessionId).ThenByDescending(session => session.LastSeenAt).ThenBy(session => session.Id, StringComparer.Ordinal)];
    }

    /// <returns>Another browser of the person's; null for their own, for another's, and for one that is not signed in any more.</returns>
    public async Task<SignInSession?> FindOtherAsync(SignedInPerson person, string? id, CancellationToken cancellationToken) =>
        id is { Length: > 0 } && id != person.SessionId ? (await ListAsync(person, cancellationToken)).FirstOrDefault(session => session.Id == id) : null;
}
