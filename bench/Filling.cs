using System.Data.Common;
using System.Globalization;
using Microsoft.Data.Sqlite;
using Npgsql;

namespace McpIdentity.Bench;

/// <summary>
/// A store as it is after years: one grant, one client and one row of the audit are made by the server, and copied in SQL under other identifiers.
/// </summary>
internal static class Filling
{
    public const int GrantsPerClient = 10;

    /// <param name="server">Runs on the empty store.</param>
    /// <param name="folder">Where its SQLite file is.</param>
    /// <param name="database">Its PostgreSQL; null with SQLite.</param>
    /// <param name="grants">How many grants, and rows of the audit; and a tenth as many clients.</param>
    public static async Task FillAsync(ServerUnderTest server, string folder, PostgresServer? database, int grants)
    {
        Console.Error.WriteLine($"filling the store with {grants.ToString("N0", CultureInfo.InvariantCulture)} grants and rows of the audit");
        using var wire = new Wire(server.Address);
        var client = await Client.RegisterForPeopleAsync(wire);
        await client.RedeemAsync(await Browser.AllowAsync(client));

        await using DbConnection connection = database is null
            ? new SqliteConnection(ServerUnderTest.SqliteIn(folder))
            : new NpgsqlConnection(database.ConnectionString + ";Command Timeout=0");
        await connection.OpenAsync();
        await ExecuteAsync(connection, database is null ? "PRAGMA cache_size = -1000000; PRAGMA synchronous = OFF" : "SET synchronous_commit = off");
        // It is written a moment after the answer, and copied once it is there.
        const string issued = "\"AuditEntries\" WHERE \"Event\" = 'token_issued'";
        while (!await AnyAsync(connection, issued))
        {
            await Task.Delay(50);
        }

        var (clients, hex) = (grants / GrantsPerClient, database is null ? "printf('%016x', i)" : "lpad(to_hex(i), 16, '0')");
        var random = database is null ? "lower(hex(randomblob(16)))" : "md5(random()::text || i)";
        await CopyAsync(connection, "OpenIddictApplications", $"\"OpenIddictApplications\" WHERE \"ClientId\" = '{client.Id}'", clients, new()
        {
            ["Id"] = $"{hex} || substr({random}, 1, 16)", // in the order of their time, as a server names them
            ["ClientId"] = "'filled-' || i",
            ["ConcurrencyToken"] = random,
        });
        await CopyAsync(connection, "Grants", "\"Grants\"", grants, new()
        {
            ["Id"] = database is null ? $"unhex({hex} || substr({random}, 1, 16))" : $"decode({hex} || substr({random}, 1, 16), 'hex')",
            ["UserId"] = random,
            ["SessionId"] = random,
            ["ClientId"] = $"'filled-' || (i % {clients})",
        });
        // By one flow, grant and request each, in order too.
        await CopyAsync(connection, "AuditEntries", issued, grants, new()
        {
            ["Id"] = null, // the database counts them
            ["Node"] = "'filled'",
            ["Sequence"] = "i",
            ["ClientId"] = $"'filled-' || (i % {clients})",
            ["Subject"] = $"'filled-' || (i % {clients})",
            ["Flow"] = $"{hex} || substr({random}, 1, 16)",
            ["GrantId"] = $"{hex} || substr({random}, 1, 16)",
            ["TraceId"] = $"{hex} || substr({random}, 1, 16)",
            ["Address"] = "'10.0.' || (i % 250) || '.1'",
        });
        await ExecuteAsync(connection, database is null ? "ANALYZE; PRAGMA wal_checkpoint(TRUNCATE);" : "VACUUM ANALYZE; CHECKPOINT;");
    }

    /// <param name="connection">Open.</param>
    /// <param name="table">Where it goes.</param>
    /// <param name="one">Which row is copied: its table, with a condition.</param>
    /// <param name="count">How often.</param>
    /// <param name="changes">By column, the expression that takes the place of the copied value (null: the column is left out); <c>i</c> counts the rows.</param>
    private static async Task CopyAsync(DbConnection connection, string table, string one, int count, Dictionary<string, string?> changes)
    {
        var columns = new List<string>();
        await using (var command = connection.CreateCommand())
        {
            command.CommandText = $"SELECT * FROM {one} LIMIT 1";
            await using var row = await command.ExecuteReaderAsync();
            columns.AddRange(Enumerable.Range(0, row.FieldCount).Select(row.GetName).Where(column => !changes.TryGetValue(column, out var value) || value is not null));
        }

        var numbers = $"WITH RECURSIVE numbers(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM numbers WHERE i < {count})";
        var names = string.Join(", ", columns.Select(column => $"\"{column}\""));
        var values = string.Join(", ", columns.Select(column => changes.GetValueOrDefault(column, $"one.\"{column}\"")));
        await ExecuteAsync(connection, $"{numbers} INSERT INTO \"{table}\" ({names}) SELECT {values} FROM numbers, (SELECT * FROM {one} LIMIT 1) AS one");
    }

    private static async Task<bool> AnyAsync(DbConnection connection, string rows)
    {
        await using var command = connection.CreateCommand();
        command.CommandText = $"SELECT 1 FROM {rows} LIMIT 1";
        return await command.ExecuteScalarAsync() is not null;
    }

    private static async Task ExecuteAsync(DbConnection connection, string sql)
    {
        await using var command = connection.CreateCommand();
        command.CommandText = sql;
        await command.ExecuteNonQueryAsync();
    }
}
