using System.Diagnostics;
using McpIdentity.Migrations;
using McpIdentity.Server.Settings;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Storage;
using Microsoft.Extensions.Options;
using Npgsql;

namespace McpIdentity.Server.Persistence;

/// <summary>
/// The way to PostgreSQL, one pool for EF Core and <see cref="PostgresPreparedSql"/>: fitted at the start to what the server says
/// of itself, and a queue before it, so that many requests at once wait for each other and are not refused.
/// </summary>
internal sealed partial class PostgresConnections(IOptions<DatabaseOptions> options, TimeProvider time, ILogger<PostgresConnections> logger)
{
    // For a connection, as long as the database answers others: as that of the writers of SQLite.
    private static readonly TimeSpan QueuePatience = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);

    private static readonly TimeSpan ClockTolerance = TimeSpan.FromSeconds(2);

    // Outside of the pool: of the feed, and of work that one server at a time does.
    private const int OwnConnections = 4;

    private string? _connectionString;
    private long _answeredAt;
    private int _commandSeconds = ConnectionStrings.CommandSeconds;

    /// <summary>Whether a pooler such as PgBouncer stands between.</summary>
    public bool IsPooled { get; private set; }

    public string ConnectionString => _connectionString ??= ConnectionStrings.Postgres(options.Value, PostgresTraits.Unknown, _commandSeconds);

    /// <summary>Outside of the pool, for what keeps a connection for long.</summary>
    public string OwnConnectionString => OwnOf(ConnectionString);

    /// <summary>For a process that answers no requests; before its first statement.</summary>
    public void AllowLongStatements() => _commandSeconds = ConnectionStrings.LongCommandSeconds;

    /// <summary>A connection string for one connection that lives long and is used little.</summary>
    public static string OwnOf(string connectionString) =>
        new NpgsqlConnectionStringBuilder(connectionString) { Pooling = false, KeepAlive = 30 }.ConnectionString;

    /// <summary>The first words with the server, which may still be starting; creates the database where there is none.</summary>
    /// <exception cref="InvalidOperationException">It cannot be used; the message is for the operator.</exception>
    public async Task MeetAsync(CancellationToken cancellationToken)
    {
        var first = ConnectionStrings.Postgres(options.Value, PostgresTraits.Unknown);
        var name = Describe(first);
        try
        {
            await PatientStart.TryAsync(logger, Describe, () => AskOrCreateAsync(first, name, cancellationToken), cancellationToken);
        }
        catch (Exception exception) when (exception is NpgsqlException || StorageFaults.IsOne(exception))
        {
            throw new InvalidOperationException(
                $"{name} cannot be used: {exception.GetBaseException().Message.TrimEnd('.')}. Is Database:Url (DATABASE_URL) right?", exception);
        }
    }

    /// <summary>Opens a connection, behind those that wait already: nobody is refused while the database answers.</summary>
    public async Task OpenAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        var clock = Stopwatch.StartNew();
        while (true)
        {
            var tried = Stopwatch.GetTimestamp();
            try
            {
                await connection.OpenAsync(cancellationToken);
                return;
            }
            catch (NpgsqlException exception) when (clock.Elapsed < QueuePatience && IsCrowded(exception, tried))
            {
                // Connections of ours that come back are taken first; one of another server may end.
                await Task.Delay(Pause, cancellationToken);
            }
        }
    }

    /// <summary>Told of every answer: whoever waits for a connection may go on waiting.</summary>
    public void Answered() => Volatile.Write(ref _answeredAt, Stopwatch.GetTimestamp());

    /// <summary>Told why a statement failed: what became a standby answers, and takes no writes any more.</summary>
    public static void Failed(NpgsqlConnection? connection, Exception exception)
    {
        if (connection is not null && exception is PostgresException { SqlState: PostgresErrorCodes.ReadOnlySqlTransaction })
        {
            // The name may lead to the new primary by now.
            NpgsqlConnection.ClearPool(connection);
        }
    }

    public string Describe() => Describe(ConnectionStrings.Postgres(options.Value, PostgresTraits.Unknown));

    // In words fit for a console: never a password.
    private static string Describe(string connectionString)
    {
        var settings = new NpgsqlConnectionStringBuilder(connectionString);
        return settings.Host?.Contains(',', StringComparison.Ordinal) == true
            ? $"PostgreSQL {settings.Host}/{settings.Database}"
            : $"PostgreSQL {settings.Host}:{settings.Port}/{settings.Database}";
    }

    private async Task AskOrCreateAsync(string first, string name, CancellationToken cancellationToken)
    {
        try
        {
            await AskAsync(first, name, cancellationToken);
        }
        catch (PostgresException exception) when (exception.SqlState == PostgresErrorCodes.InvalidCatalogName)
        {
            await CreateDatabaseAsync(first, cancellationToken);
            await AskAsync(first, name, cancellationToken);
        }
    }

    private async Task AskAsync(string first, string name, CancellationToken cancellationToken)
    {
        await using var connection = new NpgsqlConnection(OwnOf(first));
        await connection.OpenAsync(cancellationToken);
        await using var command = connection.CreateCommand();
        command.CommandText = """
            SELECT pg_backend_pid(), pg_is_in_recovery(), clock_timestamp(),
                current_setting('max_connections')::int
                - coalesce(current_setting('superuser_reserved_connections', true)::int, 0) - coalesce(current_setting('reserved_connections', true)::int, 0)
            """;
        await using var answer = await command.ExecuteReaderAsync(cancellationToken);
        await answer.ReadAsync(cancellationToken);
        if (answer.GetBoolean(1))
        {
            throw new StorageUnavailableException("it is a standby and takes no writes; name the primary, or all hosts (docs/operations.md, \"A primary and its standbys\")");
        }

        // A pooler makes up the identification of the connection, with which a client would cancel a statement.
        var server = new PostgresTraits(answer.GetInt32(0) != connection.ProcessID, answer.GetInt32(3));
        IsPooled = server.IsPooled;
        _connectionString ??= ConnectionStrings.Postgres(options.Value, server, _commandSeconds);
        if (IsPooled)
        {
            BehindPooler(name);
        }

        var ahead = time.GetUtcNow() - answer.GetFieldValue<DateTimeOffset>(2);
        if (ahead.Duration() > ClockTolerance)
        {
            ClocksDiffer(Math.Abs(ahead.TotalSeconds), ahead > TimeSpan.Zero ? "ahead of" : "behind", name);
        }

        // For each connection that is given up Npgsql holds a thread of the pool, until the request to cancel its statement is
        // delivered. A server that hangs would so have all of them, and what needs no database would wait for one.
        ThreadPool.GetMinThreads(out var workers, out var completion);
        var needed = Environment.ProcessorCount + new NpgsqlConnectionStringBuilder(_connectionString).MaxPoolSize + OwnConnections;
        ThreadPool.SetMinThreads(Math.Max(workers, needed), completion);
    }

    private static async Task CreateDatabaseAsync(string connectionString, CancellationToken cancellationToken)
    {
        await using var db = new PostgresMcpIdentityDbContext(new DbContextOptionsBuilder<PostgresMcpIdentityDbContext>().UseNpgsql(connectionString).Options);
        try
        {
            await db.GetService<IRelationalDatabaseCreator>().CreateAsync(cancellationToken);
        }
        catch (PostgresException exception) when (exception.SqlState is PostgresErrorCodes.DuplicateDatabase or PostgresErrorCodes.UniqueViolation)
        {
            // Another server was faster.
        }
    }

    // The pool is in use and its connections come back, or the server has given all that it has to others.
    private bool IsCrowded(Exception? exception, long since) => exception switch
    {
        null => false,
        TimeoutException => Volatile.Read(ref _answeredAt) > since,
        PostgresException answer => answer.SqlState == PostgresErrorCodes.TooManyConnections,
        AggregateException several => several.InnerExceptions.Any(inner => IsCrowded(inner, since)),
        _ => IsCrowded(exception.InnerException, since),
    };

    [LoggerMessage(1611, LogLevel.Information, "{Database} is reached through a connection pooler: nothing is prepared, and revocations of other servers are read twice a second.")]
    private partial void BehindPooler(string database);

    [LoggerMessage(1612, LogLevel.Warning, "The clock of this server is {Seconds:N0} s {Direction} that of {Database}. Clocks must agree to within two seconds: codes, tokens and signing keys are judged by them on every server.")]
    private partial void ClocksDiffer(double seconds, string direction, string database);
}
