using System.Data.Common;
using System.Globalization;
using Microsoft.Data.Sqlite;
using Npgsql;

namespace McpIdentity.Bench;

/// <summary>
/// A store as it is after years: one grant and one client are made by the server, and copied in SQL under other identifiers.
/// </summary>
internal static class Filling
{
    public const int GrantsPerClient = 10;

    public static async Task FillAsync(ServerUnderTest server, string folder, PostgresServer? database, int grants)
    {
        Console.Error.WriteLine($"filling the store with {grants.ToString("N0", CultureInfo.InvariantCulture)} grants");
        using var wire = new Wire(server.Address);
        var client = await Client.RegisterForPeopleAsync(wire);
        await client.RedeemAsync(await Browser.AllowAsync(client));

        await using DbConnection connection = database is null
            ? new SqliteConnection(ServerUnderTest.SqliteIn(folder))
            : new NpgsqlConnection(database.ConnectionString + ";Command Timeout=0");
        await connection.OpenAsync();
        var random = database is null ? "lower(hex(randomblob(16)))" : "md5(random()::text || i)";
        await CopyAsync(connection, "OpenIddictApplications", grants / GrantsPerClient, new()
        {
            ["Id"] = random,
            ["ClientId"] = "'filled-' || i",
            ["ConcurrencyToken"] = random,
        });
        await CopyAsync(connection, "Grants", grants, new()
        {
            ["Id"] = database is null ? "randomblob(16)" : "decode(md5(random()::text || i), 'hex')",
            ["UserId"] = random,
            ["SessionId"] = random,
            ["ClientId"] = $"'filled-' || (i % {grants / GrantsPerClient})",
        });
        await ExecuteAsync(connection, database is null ? "ANALYZE; PRAGMA wal_checkpoint(TRUNCATE);" : "VACUUM ANALYZE; CHECKPOINT;");
    }

    /// <param name="changes">By column, the expression that takes the place of the copied value; <c>i</c> counts the rows.</param>
    private static async Task CopyAsync(DbConnection connection, string table, int count, Dictionary<string, string> changes)
    {
        var columns = new List<string>();
        await using (var command = connection.CreateCommand())
        {
            command.CommandText = $"SELECT * FROM \"{table}\" LIMIT 1";
            await using var row = await command.ExecuteReaderAsync();
            columns.AddRange(Enumerable.Range(0, row.FieldCount).Select(row.GetName));
        }

        var numbers = $"WITH RECURSIVE numbers(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM numbers WHERE i < {count})";
        var names = string.Join(", ", columns.Select(column => $"\"{column}\""));
        var values = string.Join(", ", columns.Select(column => changes.GetValueOrDefault(column, $"one.\"{column}\"")));
        await ExecuteAsync(connection, $"{numbers} INSERT INTO \"{table}\" ({names}) SELECT {values} FROM numbers, (SELECT * FROM \"{table}\" LIMIT 1) AS one");
    }

    private static async Task ExecuteAsync(DbConnection connection, string sql)
    {
        await using var command = connection.CreateCommand();
        command.CommandText = sql;
        await command.ExecuteNonQueryAsync();
    }
}
