using McpIdentity.Mcp.Audit;
using McpIdentity.Migrations;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Administration.Api;
using McpIdentity.Server.Persistence;
using McpIdentity.Server.Sessions;

namespace McpIdentity.Server.Administration;

/// <summary>Which sessions. A member that is absent matches all.</summary>
/// <param name="User">Whose: identifier, e-mail address or name.</param>
/// <param name="Client">From which this client was granted something: <c>client_id</c> or name.</param>
internal sealed record SessionFilter(string? User = null, string? Client = null);

/// <summary>A sign-in session that lives.</summary>
/// <param name="Id">The sid of its tokens.</param>
/// <param name="UserId">Whose.</param>
/// <param name="Email">Their e-mail address.</param>
/// <param name="Name">Their name.</param>
/// <param name="Provider">Who vouched for them.</param>
/// <param name="SignedInAt">Since when.</param>
/// <param name="LastSeenAt">When the browser was last here, to within a few minutes.</param>
/// <param name="BrowserUntil">Until when the browser is signed in; null: not any more, and what it granted lives on.</param>
/// <param name="TokensUntil">Until when tokens of it may exist.</param>
/// <param name="Device">The browser's own words for itself.</param>
/// <param name="Network">In which network it was when it signed in.</param>
[ChangesByUse("last_seen_at", "browser_until", "tokens_until", "device", "network")]
internal sealed record SessionView(
    string Id, string UserId, string? Email, string? Name, string Provider, DateTimeOffset SignedInAt, DateTimeOffset LastSeenAt, DateTimeOffset? BrowserUntil,
    DateTimeOffset TokensUntil, string? Device, string? Network);

/// <summary>Who is signed in, and how that ends.</summary>
internal sealed class SessionActs(ISessionStorage storage, SignInSessions sessions, PreparedSql sql, OperatorRecord record, TimeProvider time)
{
    private const string SelectOfClient = """SELECT DISTINCT "SessionId" FROM "Grants" WHERE "ClientId" = $1 AND "RevokedAt" IS NULL AND "ExpiresAt" > $2""";

    private const string SelectWhose = """SELECT "UserId" FROM "Grants" WHERE "SessionId" = $1 AND "RevokedAt" IS NULL LIMIT 1""";

    private const string SelectPeople = $"""SELECT {People.Columns} FROM "Users" p""";

    /// <summary>Those that live, the newest first.</summary>
    public async Task<Outcome<AdminPage<SessionView>>> ListAsync(SessionFilter filter, Slice slice, CancellationToken cancellationToken)
    {
        string? userId = null;
        if (filter.User is { } who)
        {
            var (user, problem) = await OperatorNames.UserAsync(sql, who, cancellationToken);
            if (problem is not null)
            {
                return problem;
            }

            userId = user!.Id;
        }

        HashSet<string>? ofClient = null;
        if (filter.Client is { } which)
        {
            var (clientId, problem) = await OperatorNames.ClientAsync(sql, which, cancellationToken);
            if (problem is not null)
            {
                return problem;
            }

            ofClient = [.. await sql.ListAsync(SelectOfClient, [clientId, time.GetUtcNow()], row => row.GetString(0), cancellationToken)];
        }

        // The store may be Redis or a file, which have no order: the newest of those behind the last one, and never more of them in memory than are wanted.
        var (after, kept) = (MomentKey.Parse(slice.After), new PriorityQueue<SignInSession, MomentKey>(OldestFirst));
        await foreach (var session in LivingAsync(userId, cancellationToken))
        {
            var key = new MomentKey(session.CreatedAt, session.Id);
            if (ofClient?.Contains(session.Id) == false || (after is { } last && NewestFirst.Compare(key, last) <= 0))
            {
                continue;
            }

            kept.Enqueue(session, key);
            if (kept.Count > slice.OneMore)
            {
                kept.Dequeue();
            }
        }

        var found = kept.UnorderedItems.OrderBy(item => item.Priority, NewestFirst).Select(item => item.Element).ToList();
        return slice.Of(await ViewsAsync(found, cancellationToken), view => new MomentKey(view.SignedInAt, view.Id).ToString());
    }

    /// <summary>One that lives.</summary>
    public async Task<Outcome<SessionView>> FindAsync(string id, CancellationToken cancellationToken) =>
        await FindLivingAsync(id, cancellationToken) is { } session ? (await ViewsAsync([session], cancellationToken))[0] : AdminProblem.NotFound("session", id);

    /// <summary>Ends one, and everything granted from it: on all nodes within a second.</summary>
    public async Task<Outcome<string>> EndAsync(Operator by, string id, CancellationToken cancellationToken)
    {
        // Of a session that cannot be read any more there may still be grants.
        if (StorableText.ForComparison(id, McpIdentityDbContext.Lengths.Text) is null ||
            ((await storage.FindAsync(id, cancellationToken))?.UserId ??
            await sql.ReadAsync(SelectWhose, [id], row => row.GetString(0), cancellationToken)) is not { } userId)
        {
            return AdminProblem.NotFound("session", id);
        }

        await sessions.EndAsync(id, cancellationToken);
        await record.WriteAsync(by, SecurityEvent.Success("session_ended") with { Subject = userId, SessionId = id });
        return id;
    }

    /// <summary>Ends all of a person, and everything they granted.</summary>
    /// <returns>How many sessions there were.</returns>
    public async Task<Outcome<int>> EndAllOfAsync(Operator by, string user, CancellationToken cancellationToken)
    {
        var (person, problem) = await OperatorNames.UserAsync(sql, user, cancellationToken);
        if (problem is not null)
        {
            return problem;
        }

        var ended = await sessions.EndAllOfAsync(person!.Id, cancellationToken);
        await record.WriteAsync(by, SecurityEvent.Success("sessions_ended") with { Subject = person.Id, Count = ended });
        return ended;
    }

    private static readonly Comparer<MomentKey> NewestFirst =
        Comparer<MomentKey>.Create((one, other) => other.At.CompareTo(one.At) is not 0 and var byTime ? byTime : string.CompareOrdinal(one.Name, other.Name));

    private static readonly Comparer<MomentKey> OldestFirst = Comparer<MomentKey>.Create((one, other) => NewestFirst.Compare(other, one));

    private async IAsyncEnumerable<SignInSession> LivingAsync(string? userId, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        var all = userId is null ? storage.ListAsync(cancellationToken) : (await storage.ListOfAsync(userId, cancellationToken)).ToAsyncEnumerable();
        await foreach (var session in all.WithCancellation(cancellationToken))
        {
            if (session.KeptUntil > now)
            {
                yield return session;
            }
        }
    }

    private async Task<SignInSession?> FindLivingAsync(string id, CancellationToken cancellationToken) =>
        StorableText.ForComparison(id, McpIdentityDbContext.Lengths.Text) is not null && await storage.FindAsync(id, cancellationToken) is { } session && session.KeptUntil > time.GetUtcNow() ? session : null;

    private async Task<IReadOnlyList<SessionView>> ViewsAsync(IReadOnlyList<SignInSession> found, CancellationToken cancellationToken)
    {
        var people = new Dictionary<string, (string? Email, string? Name)>();
        foreach (var ids in found.Select(session => session.UserId).Distinct().Chunk(500))
        {
            foreach (var person in await sql.ListAsync(new ListQuery(SelectPeople).WhereIn("p.\"Id\"", ids), row => People.Read(sql, row, 0), cancellationToken))
            {
                people[person.Id] = (person.Email, person.Name);
            }
        }

        var now = time.GetUtcNow();
        return
        [
            .. found.Select(session => new SessionView(
                session.Id, session.UserId, people.GetValueOrDefault(session.UserId).Email, people.GetValueOrDefault(session.UserId).Name, session.Provider, session.CreatedAt,
                session.LastSeenAt, session.SignedInUntil > now ? session.SignedInUntil : null, session.KeptUntil, session.DeviceHint, session.Network)),
        ];
    }
}
