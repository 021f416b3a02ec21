using System.Data.Common;
using System.Diagnostics;
using McpIdentity.Mcp;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Persistence;
using Microsoft.Extensions.Caching.Memory;

namespace McpIdentity.Server.Sessions;

/// <summary>
/// What we know of a person, by the <c>sub</c> of their tokens: access tokens say no more of them than that. Remembered like
/// the sessions of <see cref="SignInSessions"/>, and known while the database is away.
/// </summary>
internal sealed class People(PreparedSql sql, TimeProvider time) : IDisposable
{
    /// <summary>The columns of a person <c>p</c>, in the order in which <see cref="Read"/> takes them.</summary>
    public const string Columns = """
        p."Id", p."Provider", p."ProviderSubject", p."Name", p."Email", p."EmailVerified", p."HostedDomain", p."Groups", p."CreatedAt", p."LastSignInAt", p."DisabledAt"
        """;

    private const string Select = $"""
        SELECT {Columns} FROM "Users" p WHERE p."Id" = $1
        """;

    // A new name or group shows after it; a disabled or deleted person's tokens end by revocation.
    private static readonly TimeSpan RecheckAfter = TimeSpan.FromMinutes(1);

    private readonly MemoryCache _known = BoundedCache.Of(10_000, time);
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
            var person = await ReadAsync(userId, cancellationToken);
            _outage.End();
            return Remember(userId, new Known(person is null ? null : new PersonRecord(person.Provider, person.Name, person.Email, person.EmailVerified) { Groups = SaidGroups.Parse(person.Groups) }, now));
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

    /// <summary>As they are stored now.</summary>
    public ValueTask<User?> ReadAsync(string userId, CancellationToken cancellationToken) => sql.ReadAsync(Select, [userId], row => Read(sql, row, 0), cancellationToken);

    /// <param name="sql">Where the row comes from.</param>
    /// <param name="row">A row with <see cref="Columns"/>.</param>
    /// <param name="first">The first of them.</param>
    public static User Read(PreparedSql sql, DbDataReader row, int first) => new()
    {
        Id = row.GetString(first),
        Provider = row.GetString(first + 1),
        ProviderSubject = row.GetString(first + 2),
        Name = TextIn(row, first + 3),
        Email = TextIn(row, first + 4),
        EmailVerified = row.GetBoolean(first + 5),
        HostedDomain = TextIn(row, first + 6),
        Groups = TextIn(row, first + 7),
        CreatedAt = sql.Moment(row, first + 8),
        LastSignInAt = sql.Moment(row, first + 9),
        DisabledAt = row.IsDBNull(first + 10) ? null : sql.Moment(row, first + 10),
    };

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
