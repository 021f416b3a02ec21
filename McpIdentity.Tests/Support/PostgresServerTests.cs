using McpIdentity.Server.Persistence;
using Npgsql;

namespace McpIdentity.Tests.Support;

[Category("Postgres")]
[Parallelizable(ParallelScope.All)]
internal sealed class PostgresServerTests
{
    [Test]
    public async Task Each_test_has_an_empty_database_of_its_own()
    {
        var server = await PostgresServer.SharedAsync();
        var (first, second) = (await server.CreateDatabaseAsync(), await server.CreateDatabaseAsync());

        await AskAsync(first, "CREATE TABLE t (i int)");

        Assert.That(await AskAsync(second, "SELECT to_regclass('t')::text"), Is.EqualTo(DBNull.Value));
        Assert.That(await AskAsync(second, "SHOW fsync"), Is.EqualTo("off"), "nobody cuts its power, and a slow disk is no fault of what is tested");
        Assert.That(PostgresServer.UrlOf(second), Does.Match(@"^postgres://postgres:[\w%]+@127\.0\.0\.1:\d+/test_\d+$"));
    }

    [Test]
    public async Task Nobody_is_let_in_without_the_password()
    {
        var database = await (await PostgresServer.SharedAsync()).CreateDatabaseAsync();
        var wrong = new NpgsqlConnectionStringBuilder(database) { Password = "guessed" }.ConnectionString;

        Assert.That(() => AskAsync(wrong, "SELECT 1"), Throws.InstanceOf<PostgresException>().With.Property("SqlState").EqualTo(PostgresErrorCodes.InvalidPassword));
    }

    [Test]
    public async Task What_was_committed_survives_a_kill_and_a_stop()
    {
        await using var server = await PostgresServer.StartAsync();
        var database = await server.CreateDatabaseAsync();
        Assert.That(await AskAsync(database, "SHOW fsync"), Is.EqualTo("on"));
        await AskAsync(database, "CREATE TABLE t AS SELECT 1 AS i");

        await server.KillAsync();
        Assert.That(() => AskAsync(database, "SELECT 1"), Throws.InstanceOf<NpgsqlException>());
        await server.StartAgainAsync();
        await server.StopAsync();
        await server.StartAgainAsync();

        Assert.That(await AskAsync(database, "SELECT i FROM t"), Is.EqualTo(1));
    }

    private static async Task<object?> AskAsync(string database, string sql)
    {
        await using var connection = new NpgsqlConnection(database + ";Pooling=false");
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        return await command.ExecuteScalarAsync();
    }
}
