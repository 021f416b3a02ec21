using System.Data.Common;
using System.Diagnostics;
using McpIdentity.Server.Persistence;
using Microsoft.Extensions.Caching.Memory;

namespace McpIdentity.Server.Sessions;

/// <summary>
/// What we know of a person, by the <c>sub</c> of their tokens: access tokens say no more of them than that. Remembered like
/// the sessions of <see cref="SignInSessions"/>, and known while the database is away.
/// </summary>
internal sealed class People(PreparedSql sql, TimeProvider time) : IDisposable
{
    private const string Select = """
        SELECT "Provider", "Name", "Email", "EmailVerified", "Groups" FROM "Users" WHERE "Id" = $1
        """;

    // A new name or group shows after it; a disabled or deleted person's tokens end by revocation.
    private static readonly TimeSpan RecheckAfter = TimeSpan.FromMinutes(1);

    private readonly MemoryCache _known = new(new MemoryCacheOptions { SizeLimit = 10_000 });
    private readonly Outage _outage = new();

    /// <returns>Null for a client that speaks for itself, and for somebody who was deleted.</returns>
    /// <exception cref="StorageUnavailableException">The database was away a moment ago, and this node does not know the person.</exception>
    public async ValueTask<PersonRecord?> FindAsync(string userId, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        if (_known.TryGetValue(userId, out Known? known) && known!.CheckedAt + RecheckAfter > now)
        {
            return known.Person;
        }

        if (_outage.Recent is { } failure)
        {
            return known is not null ? known.Person : throw new StorageUnavailableException("The database does not answer.", failure);
        }

        var asked = Stopwatch.GetTimestamp();
        try
        {
            var person = await sql.ReadAsync(
                Select,
                [userId],
                row => new PersonRecord(row.GetString(0), TextIn(row, 1), TextIn(row, 2), row.GetBoolean(3)) { Groups = SaidGroups.Parse(TextIn(row, 4)) },
                cancellationToken);
            _outage.End();
            return Remember(userId, new Known(person, now));
        }
        catch (Exception exception) when (StorageFaults.IsOne(exception))
        {
            _outage.Begin(asked, exception);
            if (known is null)
            {
                throw;
            }

            return Remember(userId, known with { CheckedAt = now });
        }
    }

    /// <summary>They have signed in anew: what this node remembers of them may be of the last time.</summary>
    public void Forget(string userId) => _known.Remove(userId);

    public void Dispose() => _known.Dispose();

    private static string? TextIn(DbDataReader row, int column) => row.IsDBNull(column) ? null : row.GetString(column);

    private PersonRecord? Remember(string userId, Known known) =>
        _known.Set(userId, known, new MemoryCacheEntryOptions { Size = 1, SlidingExpiration = TimeSpan.FromHours(1) }).Person;

    private sealed record Known(PersonRecord? Person, DateTimeOffset CheckedAt);
}

/// <summary>A person as their provider described them at the last sign-in.</summary>
internal sealed record PersonRecord(string Provider, string? Name, string? Email, bool EmailVerified)
{
    /// <summary>The groups that the provider said.</summary>
    public IReadOnlyList<string> Groups { get; init; } = [];
}
