using McpIdentity.Migrations;
using McpIdentity.Server.Persistence;
using McpIdentity.Tests.Support;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;

namespace McpIdentity.Tests.Persistence;

/// <summary>Migrations that meet a second process, or what a killed one left.</summary>
[Category("Storage")]
[Parallelizable(ParallelScope.All)]
internal sealed class MigrationTests
{
    [Test]
    public async Task A_migration_that_was_killed_on_sqlite_does_not_stop_the_next_start()
    {
        var folder = Directory.CreateTempSubdirectory("mcpidentity-migration-");
        try
        {
            var database = $"Data Source={Path.Combine(folder.FullName, "test.db")}";
            await using (var connection = new SqliteConnection(database))
            {
                // What EF Core's migrator holds while it works; a kill leaves it behind.
                await connection.OpenAsync();
                await using var command = connection.CreateCommand();
                command.CommandText = """
                    CREATE TABLE "__EFMigrationsLock" ("Id" INTEGER NOT NULL CONSTRAINT "PK___EFMigrationsLock" PRIMARY KEY, "Timestamp" TEXT NOT NULL);
                    INSERT INTO "__EFMigrationsLock" VALUES (1, '2020-01-01 00:00:00+00:00');
                    """;
                await command.ExecuteNonQueryAsync();
            }

            await using var server = await TestServer.StartAsync($"Database:ConnectionString={database}").WaitAsync(TimeSpan.FromSeconds(60));

            await OAuthClient.RegisterPublicAsync(server);
        }
        finally
        {
            SqliteConnection.ClearAllPools();
            folder.Delete(recursive: true);
        }
    }

    /// <summary>After a release was rolled back: nobody here knows what the newer one's columns mean.</summary>
    [Test]
    public async Task A_database_of_a_newer_release_is_refused_in_a_sentence_by_the_server_and_by_every_verb()
    {
        using var folder = new TemporaryFolder();
        var database = $"Data Source={folder.File("test.db")}";
        await using (await TestServer.StartAsync($"Database:ConnectionString={database}"))
        {
        }

        await using (var connection = new SqliteConnection(database))
        {
            await connection.OpenAsync();
            await using var command = connection.CreateCommand();
            command.CommandText = """INSERT INTO "__EFMigrationsHistory" VALUES ('20990101000000_FromTheFuture', '12.0.0')""";
            await command.ExecuteNonQueryAsync();
        }

        SqliteConnection.ClearAllPools();
        foreach (var verb in (string[][])[["serve"], ["migrate"], ["users", "list"], ["doctor"]])
        {
            var (exitCode, output) = await ServerProcess.RunAsync(new ServerStart { Folder = folder.Path, Arguments = [.. verb, $"--Database:ConnectionString={database}"] });
            Assert.That(exitCode, Is.EqualTo(1), output);
            Assert.That(output, Does.Contain("migrated by a newer release (20990101000000_FromTheFuture)").And.Not.Contain("   at "), verb[0]);
        }
    }

    [Test]
    [Category("Postgres")]
    public async Task The_script_for_postgresql_as_it_is_printed_can_be_run_twice_and_leaves_nothing_to_migrate()
    {
        var database = await (await PostgresServer.SharedAsync()).CreateDatabaseAsync();
        var commands = ShellBlock.In("docs/operations.md").Single(block => block.RunBy == nameof(MigrationTests)).Commands.ToList();
        Assert.That(commands, Has.Count.EqualTo(2), "the script is written, and applied");
        using var shell = new Shell();
        shell.Environment["DATABASE_URL"] = PostgresServer.UrlOf(database);
        var asBuilt = $" --no-build --configuration {new DirectoryInfo(AppContext.BaseDirectory).Parent!.Name}";

        var (exitCode, output) = await shell.RunAsync(string.Join('\n', commands[0] + asBuilt, commands[1], commands[1]));

        Assert.That(exitCode, Is.Zero, output);
        await using var db = new PostgresMcpIdentityDbContext(new DbContextOptionsBuilder<PostgresMcpIdentityDbContext>().UseNpgsql(database).Options);
        Assert.That(await db.Database.GetPendingMigrationsAsync(), Is.Empty);
        Assert.That(await db.Revocations.CountAsync(), Is.Zero);
    }

    [Test]
    [Category("Postgres")]
    public async Task The_verb_creates_a_database_that_is_not_there_yet_on_postgresql()
    {
        var postgres = await PostgresServer.SharedAsync();
        var url = PostgresServer.UrlOf(await postgres.CreateDatabaseAsync()) + "_new";
        for (var run = 0; run < 2; run++)
        {
            var (exitCode, output) = await ServerProcess.RunAsync(new ServerStart { Arguments = ["migrate", $"--Database:Url={url}"] });

            Assert.That(exitCode, Is.Zero, output);
            Assert.That(output, Does.Contain(run == 0 ? "Applied:" : "Up to date."));
        }
    }

    [TestCase("SQLite"), TestCase("PostgreSQL", Category = "Postgres")]
    public async Task Acts_of_operators_go_into_the_audit_and_back_and_in_again(string provider)
    {
        using var folder = new TemporaryFolder();
        await using McpIdentityDbContext db = provider == "SQLite"
            ? new SqliteMcpIdentityDbContext(new DbContextOptionsBuilder<SqliteMcpIdentityDbContext>().UseSqlite($"Data Source={folder.File("test.db")};Pooling=False").Options)
            : new PostgresMcpIdentityDbContext(new DbContextOptionsBuilder<PostgresMcpIdentityDbContext>().UseNpgsql(await (await PostgresServer.SharedAsync()).CreateDatabaseAsync()).Options);
        var before = db.Database.GetMigrations().Single(name => name.EndsWith("_Connections", StringComparison.Ordinal));
        await db.Database.MigrateAsync(before);
        await db.Database.ExecuteSqlAsync($"""INSERT INTO "OperatorActs" ("At", "Event", "Actor", "Line") VALUES ({(provider == "SQLite" ? (object)638000000000000000L : new DateTimeOffset(2026, 11, 1, 0, 0, 0, TimeSpan.Zero))}, 'user_disabled', 'anna', 'a line')""");
        for (var round = 0; round < 2; round++)
        {
            await db.Database.MigrateAsync();
            Assert.That((await db.AuditEntries.AsNoTracking().SingleAsync()).Actor, Is.EqualTo("anna"));
            await db.Database.MigrateAsync(before);
            Assert.That(await db.Database.SqlQueryRaw<int>("SELECT CAST(count(*) AS integer) AS \"Value\" FROM \"OperatorActs\"").SingleAsync(), Is.EqualTo(1));
        }
    }
}
