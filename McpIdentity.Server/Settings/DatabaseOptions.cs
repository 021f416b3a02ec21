using McpIdentity.Mcp;

namespace McpIdentity.Server.Settings;

/// <summary>Where the server keeps its state: the section <c>Database</c>.</summary>
internal sealed class DatabaseOptions
{
    public const string Section = "Database";

    /// <summary>SQLite, embedded and for one node, or PostgreSQL.</summary>
    public DatabaseProvider Provider { get; set; } = DatabaseProvider.Sqlite;

    /// <summary>An ADO.NET connection string of the provider.</summary>
    [Secret]
    public string ConnectionString { get; set; } = "Data Source=data/mcpidentity.db";

    /// <summary><c>postgres://user:password@host:port/database</c>; <c>DATABASE_URL</c> in the environment. Wins over the two above.</summary>
    [Secret]
    public string? Url { get; set; }

    /// <summary>Whether the start applies pending migrations. Off, a pending migration stops the start.</summary>
    public bool MigrateOnStart { get; set; } = true;
}

internal enum DatabaseProvider
{
    Sqlite,
    Postgres,
}
