using McpIdentity.Migrations;
using McpIdentity.Migrations.Entities;
using McpIdentity.Tests.Support;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace McpIdentity.Tests.Audit;

/// <summary>What a server has written into its audit, and ways to tamper with it.</summary>
internal static class AuditRows
{
    /// <summary>The settings of a server over one of the two databases.</summary>
    public static async Task<string[]> DatabaseAsync(string provider) => provider == "SQLite"
        ? []
        : [$"Database:Url={PostgresServer.UrlOf(await (await PostgresServer.SharedAsync()).CreateDatabaseAsync())}"];

    /// <summary>In the order of the chain.</summary>
    public static Task<List<AuditEntry>> ReadAsync(TestServer server) => InDatabaseAsync(server, db => db.AuditEntries.AsNoTracking().OrderBy(entry => entry.Id).ToListAsync());

    /// <summary>Waits for rows, which are written beside the requests.</summary>
    public static async Task<List<AuditEntry>> WaitForAsync(TestServer server, string name, int count = 1, Func<AuditEntry, bool>? condition = null)
    {
        List<AuditEntry> found = [];
        await Until.TrueAsync(async () => (found = [.. (await ReadAsync(server)).Where(row => row.Event == name && (condition is null || condition(row)))]).Count >= count, $"{count} rows of {name}");
        return found;
    }

    public static async Task<T> InDatabaseAsync<T>(TestServer server, Func<McpIdentityDbContext, Task<T>> work)
    {
        await using var scope = server.Services.CreateAsyncScope();
        return await work(scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>());
    }

    /// <summary>As somebody would who can write to the database and has no key of ours.</summary>
    public static Task<int> TamperAsync(TestServer server, string sql) => InDatabaseAsync(server, db => db.Database.ExecuteSqlRawAsync(sql));
}
