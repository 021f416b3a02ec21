using System.Data.Common;
using System.Runtime.CompilerServices;
using McpIdentity.Migrations;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Keys;
using McpIdentity.Server.Persistence;
using Microsoft.EntityFrameworkCore;

namespace McpIdentity.Server.Sessions;

/// <summary>Sessions beside everything else, in the database: for one node and for many.</summary>
internal sealed class DatabaseSessions(PreparedSql sql, IServiceScopeFactory scopes, EncryptionKeys keys, TimeProvider time) : ISessionStorage
{
    private const string Columns = """
        s."Id", s."UserId", s."Provider", s."CreatedAt", s."AuthenticatedAt", s."LastSeenAt", s."SignedInUntil", s."KeptUntil", s."DeviceHint", s."Network", s."ProtectedTokens"
        """;

    private const string Select = $"""
        SELECT {Columns} FROM "SignInSessions" s WHERE s."Id" = $1 AND s."EndedAt" IS NULL
        """;

    private const string SelectWithPerson = $"""
        SELECT {Columns}, {People.Columns} FROM "SignInSessions" s JOIN "Users" p ON p."Id" = s."UserId" WHERE s."Id" = $1 AND s."EndedAt" IS NULL
        """;

    private const string SelectOf = $"""
        SELECT {Columns} FROM "SignInSessions" s WHERE s."UserId" = $1 AND s."EndedAt" IS NULL
        """;

    private const string SelectPart = $"""
        SELECT {Columns} FROM "SignInSessions" s WHERE s."Id" > $1 AND s."EndedAt" IS NULL ORDER BY s."Id" LIMIT $2
        """;

    private const int PartSize = 1000;

    private const int ColumnCount = 11;

    public async Task<int> OpenAsync(CancellationToken cancellationToken)
    {
        var known = keys.Prefixes.ToArray();
        var counted = await sql.ListAsync(
            $"""
            SELECT COUNT(*) FROM "SignInSessions" WHERE "EndedAt" IS NULL AND "KeptUntil" > $1
                AND substr("ProtectedTokens", 1, {known[0].Length}) NOT IN ({string.Join(", ", known.Select((_, i) => $"${i + 2}"))})
            """,
            [time.GetUtcNow(), .. known], row => row.GetInt64(0), cancellationToken);
        return (int)counted[0];
    }

    public async Task AddAsync(SignInSession session, CancellationToken cancellationToken)
    {
        await using var scope = scopes.CreateAsyncScope();
        var db = Database(scope);
        db.SignInSessions.Add(session);
        await db.SaveChangesAsync(cancellationToken);
    }

    public async Task<SignInSession?> FindAsync(string id, CancellationToken cancellationToken) =>
        await sql.ReadAsync(Select, [id], Read, cancellationToken) is { } session && IsReadable(session) ? session : null;

    public async Task<SessionOfPerson?> FindWithPersonAsync(string id, People people, CancellationToken cancellationToken) =>
        await sql.ReadAsync(SelectWithPerson, [id], row => new SessionOfPerson(Read(row), People.Read(sql, row, ColumnCount)), cancellationToken) is { } found && IsReadable(found.Session) ? found : null;

    public async Task<SignInSession?> UpdateAsync(string id, Func<SignInSession, SignInSession> change, CancellationToken cancellationToken)
    {
        await using var scope = scopes.CreateAsyncScope();
        while (await FindAsync(id, cancellationToken) is { } old)
        {
            var changed = change(old);
            if (changed == old)
            {
                return old;
            }

            var updated = await Database(scope).WriteAsync(() => Living(scope)
                .Where(row => row.Id == id && row.LastSeenAt == old.LastSeenAt && row.SignedInUntil == old.SignedInUntil &&
                    row.KeptUntil == old.KeptUntil && row.ProtectedTokens == old.ProtectedTokens)
                .ExecuteUpdateAsync(set => set
                    .SetProperty(row => row.LastSeenAt, changed.LastSeenAt)
                    .SetProperty(row => row.SignedInUntil, changed.SignedInUntil)
                    .SetProperty(row => row.KeptUntil, changed.KeptUntil)
                    .SetProperty(row => row.ProtectedTokens, changed.ProtectedTokens), cancellationToken), cancellationToken);
            if (updated == 1)
            {
                return changed;
            }
        }

        return null;
    }

    public async Task<bool> EndAsync(string id, CancellationToken cancellationToken)
    {
        await using var scope = scopes.CreateAsyncScope();
        var now = time.GetUtcNow();
        return await Database(scope).WriteAsync(() => Living(scope).Where(session => session.Id == id)
            .ExecuteUpdateAsync(set => set
                .SetProperty(session => session.EndedAt, now)
                .SetProperty(session => session.ProtectedTokens, ""), cancellationToken), cancellationToken) == 1;
    }

    public async IAsyncEnumerable<SignInSession> ListAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        // A part at a time: there may be more than anybody wants in memory.
        for (var last = ""; last is not null;)
        {
            var part = await sql.ListAsync(SelectPart, [last, PartSize], Read, cancellationToken);
            foreach (var session in part.Where(IsReadable))
            {
                yield return session;
            }

            last = part.Count == PartSize ? part[^1].Id : null;
        }
    }

    public async Task<IReadOnlyList<SignInSession>> ListOfAsync(string userId, CancellationToken cancellationToken) =>
        (await sql.ListAsync(SelectOf, [userId], Read, cancellationToken)).FindAll(IsReadable);

    public async Task CheckAsync(CancellationToken cancellationToken) => await FindAsync("", cancellationToken);

    private SignInSession Read(DbDataReader row) => new()
    {
        Id = row.GetString(0),
        UserId = row.GetString(1),
        Provider = row.GetString(2),
        CreatedAt = sql.Moment(row, 3),
        AuthenticatedAt = row.IsDBNull(4) ? null : sql.Moment(row, 4),
        LastSeenAt = sql.Moment(row, 5),
        SignedInUntil = sql.Moment(row, 6),
        KeptUntil = sql.Moment(row, 7),
        DeviceHint = row.IsDBNull(8) ? null : row.GetString(8),
        Network = row.IsDBNull(9) ? null : row.GetString(9),
        ProtectedTokens = row.GetString(10),
    };

    private bool IsReadable(SignInSession session) => keys.Unprotect(UpstreamTokens.Purpose, session.ProtectedTokens) is not null;

    private static McpIdentityDbContext Database(AsyncServiceScope scope) => scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>();

    private static IQueryable<SignInSession> Living(AsyncServiceScope scope) =>
        Database(scope).SignInSessions.AsNoTracking().Where(session => session.EndedAt == null);
}
