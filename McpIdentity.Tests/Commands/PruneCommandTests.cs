using System.Net;
using McpIdentity.Migrations;
using McpIdentity.Server.Housekeeping;
using McpIdentity.Server.Persistence;
using McpIdentity.Tests.Housekeeping;
using McpIdentity.Tests.Support;
using Microsoft.Extensions.DependencyInjection;

namespace McpIdentity.Tests.Commands;

/// <summary>The verb <c>prune</c>, in a process of its own beside a server.</summary>
[Parallelizable(ParallelScope.All)]
internal sealed class PruneCommandTests
{
    // More than the batch in which rows are deleted.
    private const int Expired = 501;

    [TestCase("SQLite"), TestCase("PostgreSQL", Category = "Postgres")]
    [Category("Slow")]
    public async Task What_is_over_is_counted_then_deleted_and_waits_while_another_process_prunes(string provider)
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
            await ExpiredGrants.AddAsync(server, client.ClientId, Expired);

            await using (var scope = server.Services.CreateAsyncScope())
            {
                var db = scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>();
                await using var work = await db.TryBeginWorkAsync(PruneRegularly.LockName, CancellationToken.None);
                Assert.That(work, Is.Not.Null);
                Assert.That(await RunAsync(), Does.EndWith("A server prunes at this moment.").And.Not.Contain("deleted"));
            }

            Assert.That(await ExpiredGrants.CountAsync(server), Is.EqualTo(Expired + 1), "nothing beside the other process");
            Assert.That(await RunAsync("--dry-run"), Does.Contain($"{Expired} expired grants to delete").And.Contain("0 expired revocations to delete"));
            Assert.That(await ExpiredGrants.CountAsync(server), Is.EqualTo(Expired + 1), "counting deletes nothing");

            Assert.That(await RunAsync(), Does.Contain($"{Expired} expired grants deleted").And.Contain("0 unused registrations deleted"));

            Assert.That(await ExpiredGrants.CountAsync(server), Is.EqualTo(1));
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
}
