using System.Data.Common;
using System.Security.Cryptography;
using McpIdentity.Migrations;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Protocol;
using McpIdentity.Tests.Support;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Microsoft.Extensions.DependencyInjection;
using OpenIddict.EntityFrameworkCore.Models;

namespace McpIdentity.Tests.Account;

/// <summary>A person with 500 apps and 50 browsers reads all of them, a page at a time, and no page costs more than another: docs/account.md.</summary>
[Parallelizable(ParallelScope.All)]
internal sealed class ManyAppTests
{
    private const int Apps = 500;
    private const int Browsers = 50;
    internal const int PageSize = 20;

    // Of the cookie two, of the list two, of a page's apps four; with some room.
    private const int MaxQueries = 10;

    [TestCase(false), TestCase(true, Category = "Postgres")]
    public async Task Each_app_and_each_browser_stands_on_one_page(bool postgres)
    {
        var commands = new CommandCounter();
        await using var server = await TestServer.StartAsync(
            builder => _ = postgres
                ? builder.Services.ConfigureDbContext<PostgresMcpIdentityDbContext>(db => db.AddInterceptors(commands))
                : builder.Services.ConfigureDbContext<SqliteMcpIdentityDbContext>(db => db.AddInterceptors(commands)),
            ["Mcp:RateLimiting:AuthEndpointMaxRequests=1000", .. postgres ? (string[])["Database:Provider=Postgres", $"Database:ConnectionString={await (await PostgresServer.SharedAsync()).CreateDatabaseAsync()}"] : []]);
        using var alice = new Person(server);
        await (await OAuthClient.RegisterPublicAsync(server)).ConnectAsync(alice);
        var userId = await server.UserIdAsync();
        await server.DatabaseAsync(db => SeedAsync(db, userId, server.Clock.GetUtcNow()));
        for (var i = 1; i < Browsers; i++)
        {
            await server.AddSessionAsync(userId, $"browser {i:D2}", server.Clock.GetUtcNow().AddMinutes(-i), $"Browser {i:D2}");
        }

        var apps = await WalkAsync(Paths.Apps);
        Assert.That(apps, Is.Unique.And.Exactly(Apps + 1).Items);
        Assert.That(apps.Take(2), Is.EqualTo(new[] { "Test client", "App 000" }));
        var browsers = await WalkAsync(Paths.OwnSessions);
        Assert.That(browsers, Is.Unique.And.Exactly(Browsers).Items);
        Assert.That(browsers[0], Does.Contain("This browser"));

        foreach (var (number, page) in ((string, int)[])[("0", 1), ("-1", 1), ("x", 1), ("", 1), ("1e9", 1), ("26", 26), ("27", 26), ("2147483648", 26), ("99999999999999999999", 26)])
        {
            var shown = await alice.Browser.GetAsync($"{Paths.Apps}?page={number}");
            Assert.That(shown.Document!.QuerySelector(".list ~ .pager [aria-current=page]")?.TextContent, Is.EqualTo($"{page}"), number);
        }

        async Task<List<string>> WalkAsync(string path)
        {
            var names = new List<string>();
            for (var next = path; next is not null;)
            {
                var before = commands.Count;
                var page = await alice.Browser.GetAsync(next);
                Assert.That(commands.Count - before, Is.LessThanOrEqualTo(MaxQueries), next);
                Assert.That(page.Body, Has.Length.LessThan(30_000), next);
                Assert.That(page.Document!.QuerySelectorAll("h1"), Has.Length.EqualTo(1));
                var here = page.Names();
                Assert.That(here, Has.Length.InRange(1, PageSize), next);
                names.AddRange(here);
                next = page.Document.QuerySelector("a[rel=next]")?.GetAttribute("href");
            }

            return names;
        }
    }

    private static async Task<int> SeedAsync(McpIdentityDbContext db, string userId, DateTimeOffset now)
    {
        var first = await db.Grants.AsNoTracking().SingleAsync();
        foreach (var i in Enumerable.Range(0, Apps))
        {
            var clientId = $"app-{i:D3}";
            var row = db.Add(new OpenIddictEntityFrameworkCoreApplication { ClientId = clientId, DisplayName = $"App {i:D3}", RedirectUris = $"[\"http://localhost:{5000 + i}/callback\"]", ConcurrencyToken = "1" });
            row.Property<DateTimeOffset?>(ClientColumns.RegisteredAt).CurrentValue = now;
            if (i % 10 == 9)
            {
                db.Consents.Add(new Consent { Id = clientId, UserId = userId, ClientId = clientId, RedirectUri = "https://client.example/callback", Resource = "https://elsewhere.example/mcp", Scopes = "mcp", GrantedAt = now.AddMinutes(-i - 1) });
                continue;
            }

            for (var grant = 0; grant < 2; grant++)
            {
                db.Grants.Add(new Grant
                {
                    Id = RandomNumberGenerator.GetBytes(Grant.IdSize),
                    UserId = userId,
                    ClientId = clientId,
                    SessionId = first.SessionId,
                    Generation = 1,
                    CreatedAt = now.AddDays(-1),
                    RotatedAt = now.AddMinutes(-i - 1),
                    ExpiresAt = now.AddDays(6),
                    ProtectedClaims = first.ProtectedClaims,
                });
            }
        }

        return await db.SaveChangesAsync();
    }

    private sealed class CommandCounter : DbCommandInterceptor
    {
        private int _count;

        public int Count => Volatile.Read(ref _count);

        public override DbCommand CommandInitialized(CommandEndEventData eventData, DbCommand result)
        {
            Interlocked.Increment(ref _count);
            return base.CommandInitialized(eventData, result);
        }
    }
}
