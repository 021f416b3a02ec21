using McpIdentity.Migrations;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Housekeeping;
using McpIdentity.Server.Persistence;
using McpIdentity.Tests.Support;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace McpIdentity.Tests.Housekeeping;

/// <summary>Of sessions, revocations and signing keys each by its own date: what is over goes, what could still be asked about stays.</summary>
[Parallelizable(ParallelScope.All)]
internal sealed class PruningKindsTests
{
    private static readonly string[] WhatIsOver = ["expired sign-in sessions", "records of sign-ins at providers and of accounts being connected", "expired revocations", "expired client assertions", "retired signing keys"];

    [TestCase("SQLite"), TestCase("PostgreSQL", Category = "Postgres")]
    public async Task Exactly_what_is_over_is_counted_and_then_deleted(string provider)
    {
        string[] settings = provider == "SQLite"
            ? []
            : [$"Database:Url={PostgresServer.UrlOf(await (await PostgresServer.SharedAsync()).CreateDatabaseAsync())}"];
        await using var server = await TestServer.StartAsync(settings);
        var client = await OAuthClient.RegisterPublicAsync(server);
        using var alice = new Person(server);
        var tokens = await client.ConnectAsync(alice);
        // The clock stands still: the server does not prune by itself, and its own key signs.
        var own = await InDatabaseAsync(server, db => db.SigningKeys.AsNoTracking().SingleAsync());
        var living = await InDatabaseAsync(server, db => db.SignInSessions.AsNoTracking().SingleAsync());
        await InDatabaseAsync(server, db => AddAsync(db, server.Clock.GetUtcNow(), own, living));

        foreach (var attempt in (string[])["first", "second"])
        {
            var counted = await RunAsync(server, dryRun: true);
            Assert.That(counted.Where(kind => kind.Count > 0), Is.EquivalentTo(WhatIsOver.Select(what => (what, 1))), $"the {attempt} count deletes nothing");
        }

        Assert.That((await RunAsync(server, dryRun: false)).Where(kind => kind.Count > 0), Is.EquivalentTo(WhatIsOver.Select(what => (what, 1))));

        using (Assert.EnterMultipleScope())
        {
            Assert.That(await InDatabaseAsync(server, db => db.SignInSessions.Select(session => session.Id).ToListAsync()), Is.EquivalentTo([living.Id, "over just now", "signed out"]));
            Assert.That(await InDatabaseAsync(server, db => db.Revocations.Select(revocation => revocation.Target).ToListAsync()), Is.EquivalentTo(["over just now", "in force"]));
            Assert.That(await InDatabaseAsync(server, db => db.UsedAssertions.Select(assertion => assertion.Id).ToListAsync()), Is.EquivalentTo(["over just now", "could come again"]));
            Assert.That(await InDatabaseAsync(server, db => db.UpstreamStates.Select(state => state.Id).ToListAsync()), Is.EqualTo(["under way"]));
            Assert.That(await InDatabaseAsync(server, db => db.SigningKeys.Select(key => key.Id).ToListAsync()), Is.EquivalentTo([own.Id, "retired today", "previous"]));
        }

        Assert.That((await RunAsync(server, dryRun: false)).Sum(kind => kind.Count), Is.Zero, "once");
        Assert.That((await server.Http.CallToolAsync(tokens.Text("access_token"))).Status, Is.EqualTo(System.Net.HttpStatusCode.OK));
    }

    // One of each that is over, and beside it what is not: in use, or over for less than clocks and caches may differ.
    private static async Task<int> AddAsync(McpIdentityDbContext db, DateTimeOffset now, SigningKey own, SignInSession living)
    {
        db.SignInSessions.AddRange(
            living with { Id = "over", SignedInUntil = now.AddHours(-9), KeptUntil = now.AddMinutes(-6) },
            living with { Id = "over just now", SignedInUntil = now.AddHours(-9), KeptUntil = now.AddMinutes(-4) },
            living with { Id = "signed out", SignedInUntil = now.AddHours(-9), KeptUntil = now.AddDays(1) });
        db.UpstreamStates.AddRange(
            new UpstreamState { Id = "over", State = "s", Request = "r", ExpiresAt = now.AddMinutes(-6) },
            new UpstreamState { Id = "under way", State = "s", Request = "r", ExpiresAt = now.AddMinutes(30) });
        db.Revocations.AddRange(Revocation("over", now.AddMinutes(-6)), Revocation("over just now", now.AddMinutes(-4)), Revocation("in force", now.AddMinutes(30)));
        db.UsedAssertions.AddRange(
            new UsedAssertion { Id = "over", ExpiresAt = now.AddMinutes(-6) },
            new UsedAssertion { Id = "over just now", ExpiresAt = now.AddMinutes(-4) },
            new UsedAssertion { Id = "could come again", ExpiresAt = now.AddMinutes(30) });
        db.SigningKeys.AddRange(
            Key("retired", now.AddHours(-25)), Key("retired today", now.AddHours(-23)), Key("previous", now.AddHours(1)));
        return await db.SaveChangesAsync();

        Revocation Revocation(string target, DateTimeOffset expires) =>
            new() { Kind = RevocationKind.Token, Target = target, RevokedAt = now.AddHours(-1), ExpiresAt = expires };

        SigningKey Key(string id, DateTimeOffset retires) => new()
        {
            Id = id,
            Algorithm = own.Algorithm,
            ProtectedKey = own.ProtectedKey,
            CreatedAt = now.AddDays(-100),
            ActivatesAt = now.AddDays(-100),
            RetiresAt = retires,
        };
    }

    private static async Task<IReadOnlyList<(string What, int Count)>> RunAsync(TestServer server, bool dryRun)
    {
        await using var scope = server.Services.CreateAsyncScope();
        return await scope.ServiceProvider.GetRequiredService<Pruning>().RunAsync(dryRun, CancellationToken.None);
    }

    private static async Task<T> InDatabaseAsync<T>(TestServer server, Func<McpIdentityDbContext, Task<T>> work)
    {
        await using var scope = server.Services.CreateAsyncScope();
        return await work(scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>());
    }
}
