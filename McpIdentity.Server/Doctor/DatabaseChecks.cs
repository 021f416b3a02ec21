using McpIdentity.Migrations;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Operations;
using McpIdentity.Server.Persistence;
using McpIdentity.Server.Settings;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using Npgsql;

namespace McpIdentity.Server.Doctor;

/// <summary>The database: reached, of this release, writable, with room for connections and for what is written.</summary>
internal static class DatabaseChecks
{
    private static readonly Check Reach = new("database.reach", Verdict.Fail, "Is the database there, and does it let us in?",
        "Does it run, and is Database:Url (DATABASE_URL) or Database:ConnectionString right?", "docs/operations.md, \"When the database or Redis is away\"");

    private static readonly Check Migrations = new("database.migrations", Verdict.Fail, "Is its schema that of this release?", "Run the verb migrate.", "docs/operations.md, \"Several servers\"");

    /// <summary>What the other examinations need of it.</summary>
    public static readonly Check Writable = new("database.write", Verdict.Fail, "Can a row be written?", "Give the database's user the right to write, and its disk some room.", "docs/operations.md, \"Files\"");

    private static readonly Check Pooler = new("database.pooler", Verdict.Note, "Are we connected to PostgreSQL itself, and not to a pooler before it?",
        "Nothing, where the pooler is wanted; else name PostgreSQL itself: statements are prepared then, and revocations are heard at once.", "docs/operations.md, \"Connections to PostgreSQL\"");

    private static readonly Check Connections = new("database.connections", Verdict.Warn, "Does PostgreSQL have a connection for each that the servers may open?",
        "Raise max_connections, or lower Maximum Pool Size in the connection string.", "docs/operations.md, \"Connections to PostgreSQL\"");

    private static readonly Check Closed = new("database.file", Verdict.Warn, "Is the SQLite file closed to others, and on a disk of this machine?",
        "chmod 600 the file and what lies beside it under its name, or start a server once, which does so; use PostgreSQL in place of a file in the network.", "docs/operations.md, \"Files\"");

    private static readonly Check Disk = new("database.disk", Verdict.Fail, "Is there room where the SQLite file lies?", "Make room: with a full disk nobody can sign in.", "docs/operations.md, \"Housekeeping\"");

    private const long EnoughRoom = 512L * 1024 * 1024;
    private const long NoRoom = 16L * 1024 * 1024;

    public static Examination Examination { get; } = new([Reach, Migrations, Writable, Pooler, Connections, Closed, Disk], RunAsync);

    private static async Task<IReadOnlyList<CheckResult>> RunAsync(Patient patient, CancellationToken cancellationToken)
    {
        var db = patient.Get<McpIdentityDbContext>();
        var words = patient.Services.DescribeDatabase();
        var file = FileOf(db);
        if (file is not null && !File.Exists(file))
        {
            return [Reach.Note($"{words} is not there yet: the first start makes it", "Start the server once, or run the verb migrate.")];
        }

        IReadOnlyList<CheckResult> ofTheFile = file is null ? [] : [JudgeFile(file), JudgeDisk(new DriveInfo(file))];
        string[] applied = [];
        var reached = await Patient.TryAsync(Reach, async () =>
        {
            applied = [.. await db.Database.GetAppliedMigrationsAsync(cancellationToken).WaitAsync(Patient.Patience, cancellationToken)];
            return Reach.Pass($"{words} is reached");
        });
        if (reached.Verdict == Verdict.Fail)
        {
            return [reached, .. ofTheFile];
        }

        var migrations = JudgeMigrations(db, words, applied, patient.Get<IOptions<DatabaseOptions>>().Value.MigrateOnStart);
        if (migrations.Verdict != Verdict.Pass)
        {
            return [reached, migrations, .. ofTheFile];
        }

        var writable = await Patient.TryAsync(Writable, async () =>
        {
            await WriteAsync(db, cancellationToken);
            return Writable.Pass("a row can be written");
        });
        return [reached, migrations, writable, .. db.Database.IsNpgsql() ? await AskPostgresAsync(patient, db, cancellationToken) : ofTheFile];
    }

    private static string? FileOf(McpIdentityDbContext db) =>
        db.Database.IsSqlite() && new SqliteConnectionStringBuilder(db.Database.GetConnectionString()).DataSource is var file && file != ":memory:" && !file.StartsWith("file:", StringComparison.OrdinalIgnoreCase)
            ? Path.GetFullPath(file)
            : null;

    private static CheckResult JudgeMigrations(McpIdentityDbContext db, string words, string[] applied, bool migratesOnStart)
    {
        var known = db.Database.GetMigrations().ToList();
        if (applied.Except(known, StringComparer.Ordinal).ToList() is { Count: > 0 } unknown)
        {
            return Migrations.Bad($"{words} was migrated by a newer release ({string.Join(", ", unknown)})", "Run that release, or put back the backup from before it.");
        }

        var pending = known.Except(applied, StringComparer.Ordinal).ToList();
        return pending.Count == 0 ? Migrations.Pass($"all {known.Count} migrations are applied")
            : migratesOnStart ? Migrations.Warn($"the next start applies {string.Join(", ", pending)}", "Nothing, or run the verb migrate before.")
            : Migrations.Bad($"{words} lacks {string.Join(", ", pending)}, and Database:MigrateOnStart is off");
    }

    // A row that never comes to be: the transaction is taken back.
    private static async Task WriteAsync(McpIdentityDbContext db, CancellationToken cancellationToken)
    {
        await using var transaction = await db.Database.BeginTransactionAsync(cancellationToken).WaitAsync(Patient.Patience, cancellationToken);
        var now = TimeProvider.System.GetUtcNow();
        db.AuditEntries.Add(new AuditEntry { Node = "doctor", Sequence = now.UtcTicks, At = now, Event = "doctor", Level = "debug", Result = "success", Line = "{}", Hash = [] });
        await db.SaveChangesAsync(cancellationToken).WaitAsync(Patient.Patience, cancellationToken);
        await transaction.RollbackAsync(cancellationToken);
        db.ChangeTracker.Clear();
    }

    private static async Task<IReadOnlyList<CheckResult>> AskPostgresAsync(Patient patient, McpIdentityDbContext db, CancellationToken cancellationToken)
    {
        var now = await db.Database.SqlQuery<DateTimeOffset>($"SELECT clock_timestamp() AS \"Value\"").SingleAsync(cancellationToken);
        patient.Took("the database", now - TimeProvider.System.GetUtcNow());
        var version = await db.Database.SqlQuery<string>($"SELECT current_setting('server_version') AS \"Value\"").SingleAsync(cancellationToken);
        var most = await db.Database.SqlQuery<int>($"SELECT current_setting('max_connections')::int AS \"Value\"").SingleAsync(cancellationToken);
        var backend = await db.Database.SqlQuery<int>($"SELECT pg_backend_pid() AS \"Value\"").SingleAsync(cancellationToken);

        // A pooler makes up the identification of the connection, with which a client would cancel a statement.
        await using var own = new NpgsqlConnection(PostgresConnections.OwnOf(patient.Get<PostgresConnections>().ConnectionString));
        await own.OpenAsync(cancellationToken);
        await using var command = new NpgsqlCommand("SELECT pg_backend_pid()", own);
        var isPooled = (int)(await command.ExecuteScalarAsync(cancellationToken))! != own.ProcessID || backend == 0;

        var seen = TimeProvider.System.GetUtcNow().AddMinutes(-1);
        var servers = Math.Max(1, await db.Nodes.CountAsync(node => node.SeenAt > seen, cancellationToken));
        var pool = new NpgsqlConnectionStringBuilder(patient.Get<PostgresConnections>().ConnectionString).MaxPoolSize;
        return
        [
            Pooler.Judge(!isPooled, $"PostgreSQL {version} answers itself", "a pooler stands before PostgreSQL: nothing is prepared, and revocations of other servers are read twice a second"),
            Connections.Judge(isPooled || pool * servers < most, $"{servers} servers with {pool} connections each fit into the {most} of PostgreSQL",
                $"{servers} servers may open {pool} connections each, and PostgreSQL has {most}: whoever comes last waits, or is refused"),
        ];
    }

    private static CheckResult JudgeFile(string file)
    {
        var isOpen = !OperatingSystem.IsWindows() && (File.GetUnixFileMode(file) & (UnixFileMode.GroupRead | UnixFileMode.OtherRead | UnixFileMode.GroupWrite | UnixFileMode.OtherWrite)) != 0;
        return new DriveInfo(file) is { DriveType: DriveType.Network } drive ? Closed.Bad($"{file} lies on a file system of the network ({drive.DriveFormat}), whose locks SQLite cannot rely on", "Use a disk of this machine, or PostgreSQL.")
            : Closed.Judge(!isOpen, $"{file} is for its own user alone", $"others on this machine may read {file}: names, addresses and hashes stand in it");
    }

    private static CheckResult JudgeDisk(DriveInfo drive)
    {
        var says = $"{drive.AvailableFreeSpace / (1024 * 1024):N0} MB are free at {drive.Name}";
        return drive.AvailableFreeSpace > EnoughRoom ? Disk.Pass(says) : drive.AvailableFreeSpace > NoRoom ? Disk.Warn(says) : Disk.Bad(says);
    }
}
