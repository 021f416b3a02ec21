using McpIdentity.Server.Persistence;
using Npgsql;

namespace McpIdentity.Tests.Support;

/// <summary>PgBouncer before a PostgreSQL, in the mode in which each transaction may have another connection.</summary>
internal sealed class PgBouncer : IAsyncDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("mcpidentity-pgbouncer-");
    private ChildProcess? _process;

    private PgBouncer()
    {
    }

    public int Port { get; } = Ports.Next();

    /// <param name="database">A connection string of the PostgreSQL behind it; PgBouncer has few connections of its own, so that they change hands.</param>
    public static async Task<PgBouncer> StartAsync(string database)
    {
        var behind = new NpgsqlConnectionStringBuilder(database);
        var bouncer = new PgBouncer();
        var settings = Path.Combine(bouncer._folder.FullName, "pgbouncer.ini");
        await File.WriteAllTextAsync(settings, $"""
            [databases]
            * = host={behind.Host} port={behind.Port} user={behind.Username} password='{behind.Password}'
            [pgbouncer]
            listen_addr = 127.0.0.1
            listen_port = {bouncer.Port}
            unix_socket_dir =
            auth_type = any
            pool_mode = transaction
            default_pool_size = 4
            """);
        if (Environment.IsPrivilegedProcess)
        {
            await ChildProcess.RunAsync("chown", ["-R", "postgres", bouncer._folder.FullName], "/"); // it gives up being root
        }

        string[] arguments = [.. Environment.IsPrivilegedProcess ? (string[])["--user=postgres"] : [], settings];
        bouncer._process = ChildProcess.Start("/usr/sbin/pgbouncer", arguments, "/");
        await bouncer._process.WaitUntilAsync(cancellationToken => AcceptsAsync(bouncer.Before(database), cancellationToken), "PgBouncer");
        return bouncer;
    }

    /// <summary>The same database, through PgBouncer.</summary>
    public string Before(string connectionString) => new NpgsqlConnectionStringBuilder(connectionString) { Port = Port }.ConnectionString;

    public async ValueTask DisposeAsync()
    {
        if (_process is not null)
        {
            await _process.DisposeAsync();
        }

        _folder.Delete(recursive: true);
    }

    private static async Task<bool> AcceptsAsync(string connectionString, CancellationToken cancellationToken)
    {
        try
        {
            await using var connection = new NpgsqlConnection(connectionString + ";Pooling=false");
            await connection.OpenAsync(cancellationToken);
            return true;
        }
        catch (NpgsqlException)
        {
            return false;
        }
    }
}
