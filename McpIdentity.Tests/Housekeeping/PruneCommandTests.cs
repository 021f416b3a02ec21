using System.Net;
using System.Security.Cryptography;
using McpIdentity.Persistence;
using McpIdentity.Persistence.Entities;
using McpIdentity.Server.Housekeeping;
using McpIdentity.Server.Persistence;
using McpIdentity.Tests.Support;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace McpIdentity.Tests.Housekeeping;

/// <summary>The verb <c>prune</c>, in a process of its own beside a server: issue 4.</summary>
[Parallelizable(ParallelScope.All)]
internal sealed class PruneCommandTests
{
    // More than the batch in which rows are deleted.
    private const int Expired = 501;

    [Test]
    public async Task What_is_over_is_counted_then_deleted_and_waits_while_another_process_prunes([Values("SQLite", "PostgreSQL")] string provider)
    {
        var folder = Directory.CreateTempSubdirectory("mcpidentity-prune-");
        try
        {
            var database = provider == "SQLite"
                ? $"Database:ConnectionString=Data Source={Path.Combine(folder.FullName, "shared.db")}"
                : $"Database:Url={PostgresServer.UrlOf(await (await PostgresServer.SharedAsync()).CreateDatabaseAsync())}";
            await using var server = await TestServer.StartAsync(database);
            var client = await OAuthClient.RegisterPublicAsync(server);
            using var alice = new Person(server);
            var living = (await client.ConnectAsync(alice)).Text("refresh_token")!;
            await AddExpiredAsync(server, client.ClientId);

            await using (var scope = server.Services.CreateAsyncScope())
            {
                var db = scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>();
                await using var work = await db.TryBeginWorkAsync(PruneRegularly.LockName, CancellationToken.None);
                Assert.That(work, Is.Not.Null);
                Assert.That(await RunAsync(), Does.EndWith("A server prunes at this moment.").And.Not.Contain("deleted"));
            }

            Assert.That(await CountAsync(server), Is.EqualTo(Expired + 1), "nothing beside the other process");
            Assert.That(await RunAsync("--dry-run"), Does.Contain($"{Expired} expired grants to delete").And.Contain("0 expired revocations to delete"));
            Assert.That(await CountAsync(server), Is.EqualTo(Expired + 1), "counting deletes nothing");

            Assert.That(await RunAsync(), Does.Contain($"{Expired} expired grants deleted").And.Contain("0 unused registrations deleted"));

            Assert.That(await CountAsync(server), Is.EqualTo(1));
            using var refresh = await client.RefreshAsync(living);
            Assert.That(refresh.StatusCode, Is.EqualTo(HttpStatusCode.OK), "what lives is not touched");

            async Task<string> RunAsync(params string[] options)
            {
                var (exitCode, output) = await ServerProcess.RunAsync(new ServerStart { Folder = folder.FullName, Arguments = ["prune", .. options, "--" + database] });
                Assert.That(exitCode, Is.Zero, output);
                return output.Trim();
            }
        }
        finally
        {
            Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools();
            folder.Delete(recursive: true);
        }
    }

    private static async Task AddExpiredAsync(TestServer server, string clientId)
    {
        await using var scope = server.Services.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>();
        var then = server.Clock.GetUtcNow() - TimeSpan.FromHours(1);
        db.Grants.AddRange(Enumerable.Range(0, Expired).Select(_ => new Grant
        {
            Id = RandomNumberGenerator.GetBytes(16),
            UserId = "somebody",
            ClientId = clientId,
            SessionId = "a session",
            CreatedAt = then,
            RotatedAt = then,
            ExpiresAt = then,
            ProtectedClaims = "",
        }));
        await db.SaveChangesAsync();
    }

    private static async Task<int> CountAsync(TestServer server)
    {
        await using var scope = server.Services.CreateAsyncScope();
        return await scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>().Grants.CountAsync();
    }
}
