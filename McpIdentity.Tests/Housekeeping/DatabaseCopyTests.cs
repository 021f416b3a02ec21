using System.Globalization;
using System.Net;
using McpIdentity.Migrations;
using McpIdentity.Tests.Support;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata;
using Npgsql;

namespace McpIdentity.Tests.Housekeeping;

/// <summary><c>migrate copy</c>: from SQLite to PostgreSQL and back (docs/backup.md, "Moving to another database").</summary>
[Category("Storage"), Category("Postgres")]
[Parallelizable(ParallelScope.All)]
internal sealed class DatabaseCopyTests
{
    private const int Rows = 3;

    // What a database, a shell or a log might take for something else.
    private static readonly string[] OddTexts = ["plain", "Ünïcödé 😀 \u202e ' \" \\ % $1 {0}", "two\r\nlines\tand '; DROP TABLE \"Users\"; --"];

    private static readonly DateTimeOffset[] OddMoments =
        [new(2026, 11, 29, 13, 0, 0, 123, 456, TimeSpan.Zero), new(1970, 1, 1, 0, 0, 0, TimeSpan.Zero), new(2399, 12, 31, 23, 59, 59, TimeSpan.Zero)];

    // By the model: a new table or column is copied, or this says so.
    [Test]
    public async Task Every_row_of_every_table_arrives_as_it_is_and_comes_back()
    {
        using var folder = new TemporaryFolder();
        var file = folder.File("source.db");
        await using var source = Sqlite(file);
        await source.Database.MigrateAsync();
        await FillAsync(source);
        var postgres = await (await PostgresServer.SharedAsync()).CreateDatabaseAsync();

        var there = await CopyAsync(folder, file, PostgresServer.UrlOf(postgres));
        var back = await RunAsync(folder, ["migrate", "copy", "--to", folder.File("back.db"), $"--Database:Url={PostgresServer.UrlOf(postgres)}"]);

        Assert.That((there.ExitCode, back.ExitCode), Is.EqualTo((0, 0)), there.Output + back.Output);
        Assert.That(there.Output, Does.Contain("100 %").And.Contain("Copied and compared:").And.Contain("DATABASE_URL").And.Not.Contain(new NpgsqlConnectionStringBuilder(postgres).Password!));
        await using var copy = Postgres(postgres);
        await using var again = Sqlite(folder.File("back.db"));
        foreach (var entity in source.Model.GetEntityTypes())
        {
            var expected = await ReadAsync(source, entity.Name);
            var record = entity.GetTableName() is "OperatorActs" or "AuditEntries" or "AuditHeads";
            Assert.That(expected, Has.Count.GreaterThanOrEqualTo(Rows), entity.Name);
            // The copies record that they were made.
            Assert.That(await ReadAsync(copy, entity.Name), record ? Is.SupersetOf(expected) : Is.EquivalentTo(expected), entity.Name);
            Assert.That(await ReadAsync(again, entity.Name), record ? Is.SupersetOf(expected) : Is.EquivalentTo(expected), entity.Name);
        }
    }

    [Test]
    public async Task A_server_goes_on_with_what_was_issued_before()
    {
        using var folder = new TemporaryFolder();
        var (file, port) = (folder.File("source.db"), Ports.Next());
        var postgres = await (await PostgresServer.SharedAsync()).CreateDatabaseAsync();
        using var alice = new Person($"http://localhost:{port}");
        OAuthClient client;
        string token;
        await using (var before = await TestServer.StartAsync($"Server:Port={port}", $"Database:ConnectionString=Data Source={file}"))
        {
            client = await OAuthClient.RegisterPublicAsync(before);
            token = (await client.ConnectAsync(alice)).Text("refresh_token")!;
        }

        // As the page prints it.
        using var shell = new Shell();
        shell.Environment["TARGET_URL"] = PostgresServer.UrlOf(postgres);
        shell.Environment["Database__ConnectionString"] = $"Data Source={file}";
        shell.Environment["ENCRYPTION_KEY"] = "a test key of more than thirty-two characters";
        var (exitCode, output) = await shell.RunAsync(string.Join('\n', ShellBlock.In("docs/backup.md").Single(block => block.RunBy == nameof(DatabaseCopyTests)).Commands));
        Assert.That(exitCode, Is.Zero, output);

        await using var after = await TestServer.StartAsync($"Server:Port={port}", "Database:Provider=Postgres", $"Database:ConnectionString={postgres}");
        using var refreshed = await client.At(after.Http).RefreshAsync(token);
        Assert.That(refreshed.StatusCode, Is.EqualTo(HttpStatusCode.OK), await refreshed.Content.ReadAsStringAsync());
        alice.PagesSeen.Clear();
        await client.At(after.Http).ConnectAsync(alice);
        Assert.That(alice.PagesSeen, Has.None.EqualTo("/signin"), "the session goes on");
        // Rows whose numbers the database gives come after those that were copied.
        using var revoked = await client.At(after.Http).PostAsync("/oauth/revoke", ("token", (await refreshed.JsonAsync()).Text("refresh_token")));
        Assert.That(revoked.StatusCode, Is.EqualTo(HttpStatusCode.OK));
    }

    [Test]
    public async Task A_row_that_PostgreSQL_cannot_keep_is_named_nothing_is_kept_and_the_copy_can_be_made_again()
    {
        using var folder = new TemporaryFolder();
        var file = folder.File("source.db");
        await using var source = Sqlite(file);
        await source.Database.MigrateAsync();
        await FillAsync(source);
        await source.Database.ExecuteSqlRawAsync("UPDATE \"Users\" SET \"Name\" = 'Al' || char(0) || 'ice' WHERE rowid = 2");
        var id = await source.Database.SqlQueryRaw<string>("SELECT \"Id\" AS \"Value\" FROM \"Users\" WHERE rowid = 2").SingleAsync();
        var postgres = await (await PostgresServer.SharedAsync()).CreateDatabaseAsync();

        var nul = await CopyAsync(folder, file, PostgresServer.UrlOf(postgres));
        await source.Database.ExecuteSqlRawAsync("UPDATE \"Users\" SET \"Name\" = 'Alice' WHERE rowid = 2; UPDATE \"Grants\" SET \"SessionId\" = 'x' || hex(zeroblob(400)) WHERE rowid = 1");
        var tooLong = await CopyAsync(folder, file, PostgresServer.UrlOf(postgres));
        await using var target = Postgres(postgres);
        var left = await target.Users.CountAsync();
        await source.Database.ExecuteSqlRawAsync("UPDATE \"Grants\" SET \"SessionId\" = 'x' WHERE rowid = 1");
        var good = await CopyAsync(folder, file, PostgresServer.UrlOf(postgres));
        var twice = await CopyAsync(folder, file, PostgresServer.UrlOf(postgres));

        using (Assert.EnterMultipleScope())
        {
            Assert.That((nul.ExitCode, nul.Output), Is.EqualTo((1, nul.Output)));
            Assert.That(nul.Output, Does.Contain($"In the table Users, the row with Id {id}: Name has a NUL character").And.Not.Contain("   at "));
            Assert.That(tooLong.Output, Does.Contain("In the table Grants, the row with Id").And.Contain("SessionId is longer than 64 characters"));
            Assert.That(left, Is.Zero);
            Assert.That(good.ExitCode, Is.Zero, good.Output);
            Assert.That((twice.ExitCode, twice.Output), Is.EqualTo((1, twice.Output)));
            Assert.That(twice.Output, Does.Contain("The target has data already").And.Contain("drop and create"));
        }
    }

    [Test]
    public async Task A_target_that_was_migrated_by_hand_is_empty_and_one_of_a_newer_release_is_refused()
    {
        using var folder = new TemporaryFolder();
        var file = folder.File("source.db");
        await using (var source = Sqlite(file))
        {
            await source.Database.MigrateAsync("20261129073332_Connections"); // of an older release
        }

        var postgres = await (await PostgresServer.SharedAsync()).CreateDatabaseAsync();
        var url = PostgresServer.UrlOf(postgres);
        var migrated = await RunAsync(folder, ["migrate", $"--Database:Url={url}"]);
        // The password stands in no command line.
        await File.WriteAllLinesAsync(folder.File("target.rsp"), ["--to", url]);
        var copied = await RunAsync(folder, ["migrate", "copy", "@" + folder.File("target.rsp"), $"--Database:ConnectionString=Data Source={file}"]);
        await using (var target = Postgres(postgres))
        {
            await target.Database.ExecuteSqlRawAsync("INSERT INTO \"__EFMigrationsHistory\" VALUES ('20990101000000_FromTheFuture', '12.0.0')");
        }

        var newer = await CopyAsync(folder, file, url);

        Assert.That((migrated.ExitCode, copied.ExitCode, newer.ExitCode), Is.EqualTo((0, 0, 1)), migrated.Output + copied.Output + newer.Output);
        Assert.That(newer.Output, Does.Contain("migrated by a newer release"));
        Assert.That(copied.Output, Does.Contain("The source has the tables of this release now").And.Not.Contain("The source was not changed"));
    }

    private static Task<(int ExitCode, string Output)> CopyAsync(TemporaryFolder folder, string file, string url) =>
        RunAsync(folder, ["migrate", "copy", "--to", url, $"--Database:ConnectionString=Data Source={file}"]);

    private static Task<(int ExitCode, string Output)> RunAsync(TemporaryFolder folder, string[] arguments) =>
        ServerProcess.RunAsync(new ServerStart { Folder = folder.Path, Arguments = [.. arguments, "--OAuth:EncryptionKey=a test key of more than thirty-two characters"] });

    private static SqliteMcpIdentityDbContext Sqlite(string file) => new(new DbContextOptionsBuilder<SqliteMcpIdentityDbContext>().UseSqlite($"Data Source={file};Pooling=False").Options);

    private static PostgresMcpIdentityDbContext Postgres(string connection) => new(new DbContextOptionsBuilder<PostgresMcpIdentityDbContext>().UseNpgsql(connection).Options);

    // Rows of which the i-th refers to the i-th: each property has a value of its type, and where it may, none in the last row.
    private static async Task FillAsync(McpIdentityDbContext db)
    {
        foreach (var entity in db.Model.GetEntityTypes())
        {
            for (var i = 0; i < Rows; i++)
            {
                var entry = db.Entry(Activator.CreateInstance(entity.ClrType)!);
                foreach (var property in entity.GetProperties())
                {
                    entry.Property(property.Name).CurrentValue = ValueOf(property, i);
                }

                entry.State = EntityState.Added;
            }
        }

        await db.SaveChangesAsync();
        db.ChangeTracker.Clear();
    }

    private static object? ValueOf(IProperty property, int i)
    {
        if (property.GetContainingForeignKeys().FirstOrDefault() is { } reference)
        {
            return ValueOf(reference.PrincipalKey.Properties[reference.Properties.ToList().IndexOf(property)], i);
        }

        var type = Nullable.GetUnderlyingType(property.ClrType) ?? property.ClrType;
        var isKey = property.IsKey() || property.GetContainingIndexes().Any(index => index.IsUnique);
        if (property.IsNullable && i == Rows - 1 && !isKey)
        {
            return null;
        }

        var number = i + 1;
        if (type == typeof(string))
        {
            var text = isKey ? $"{property.Name}-{i}" : OddTexts[i];
            return property.GetMaxLength() is { } most && text.Length > most ? text[..most] : text;
        }

        return type.IsEnum ? Enum.GetValues(type).GetValue(i % Enum.GetValues(type).Length)
            : type == typeof(DateTimeOffset) ? OddMoments[i]
            : type == typeof(DateTime) ? OddMoments[i].UtcDateTime
            : type == typeof(byte[]) ? Enumerable.Range(0, property.GetMaxLength() ?? 300).Select(b => (byte)(b + i)).ToArray()
            : type == typeof(bool) ? i == 1
            : type == typeof(Guid) ? new Guid(i, 1, 2, [3, 4, 5, 6, 7, 8, 9, 10])
            : type == typeof(int) || type == typeof(long) ? Convert.ChangeType(isKey ? number : int.MaxValue - i, type, CultureInfo.InvariantCulture)
            : throw new NotSupportedException($"{property.DeclaringType.DisplayName()}.{property.Name}: a value for {type}");
    }

    private static async Task<List<string>> ReadAsync(McpIdentityDbContext db, string entity)
    {
        var type = db.Model.FindEntityType(entity)!;
        await foreach (var _ in (IAsyncEnumerable<object>)typeof(DbContext).GetMethod(nameof(DbContext.Set), [])!.MakeGenericMethod(type.ClrType).Invoke(db, [])!)
        {
            // tracked: what no property of the class has is known too
        }

        var rows = db.ChangeTracker.Entries().Where(entry => entry.Metadata.Name == entity)
            .Select(entry => string.Join(" | ", type.GetProperties().OrderBy(property => property.Name, StringComparer.Ordinal).Select(property => $"{property.Name}={Show(entry.Property(property.Name).CurrentValue)}"))).ToList();
        db.ChangeTracker.Clear();
        return rows;
    }

    private static string Show(object? value) => value switch
    {
        null => "null",
        byte[] bytes => Convert.ToHexString(bytes),
        DateTimeOffset moment => moment.ToUniversalTime().ToString("O", CultureInfo.InvariantCulture),
        DateTime moment => moment.ToString("yyyy-MM-ddTHH:mm:ss.ffffff", CultureInfo.InvariantCulture),
        _ => $"{value}",
    };
}
