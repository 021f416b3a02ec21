using McpIdentity.Migrations;
using McpIdentity.Server.Persistence;
using McpIdentity.Tests.Support;
using Microsoft.Data.Sqlite;

namespace McpIdentity.Tests.Persistence;

/// <summary>What the requests of one moment have to do with each other, and what not: docs/decisions/0005.</summary>
[Category("Storage")]
[Parallelizable(ParallelScope.Self)]
internal sealed class SqliteWriterTests
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("mcpidentity-writer-");
    private SqliteTurns _turns = null!;
    private SqliteWriter _writer = null!;

    private string ConnectionString => $"Data Source={Path.Combine(_folder.FullName, "test.db")};Default Timeout=1;Pooling=False";

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        _turns = new SqliteTurns();
        _writer = new SqliteWriter(ConnectionString, _turns);
        await _writer.WriteAsync("CREATE TABLE Things (Id INTEGER PRIMARY KEY, Name TEXT NOT NULL)", []);
    }

    [OneTimeTearDown]
    public void Stop()
    {
        _writer.Dispose();
        _turns.Dispose();
        _folder.Delete(recursive: true);
    }

    private static object[][] Bad => [[4, null!], [4, new object()]];

    [TestCaseSource(nameof(Bad))]
    public async Task A_statement_that_fails_fails_alone(object id, object? name)
    {
        List<Task<int>> writes = [];
        Task bad;
        using (_turns.Take()) // so that all of them are one transaction
        {
            writes.Add(InsertAsync(10));
            await Until.TrueAsync(() => !writes[0].IsCompleted, "it waits for its turn");
            writes.AddRange(Enumerable.Range(11, 3).Select(InsertAsync));
            bad = _writer.WriteAsync("INSERT INTO Things (Id, Name) VALUES ($1, $2)", [id, name ?? DBNull.Value]);
            writes.AddRange(Enumerable.Range(14, 3).Select(InsertAsync));
        }

        Assert.That(async () => await bad, Throws.Exception);
        Assert.That(await Task.WhenAll(writes), Is.All.EqualTo(1));
        Assert.That(await _writer.WriteAsync("DELETE FROM Things", []), Is.EqualTo(writes.Count), "and the writer goes on");

        Task<int> InsertAsync(int number) => _writer.WriteAsync("INSERT INTO Things (Id, Name) VALUES ($1, $2)", [number, "thing"]);
    }

    [Test]
    public async Task Those_who_wait_for_a_turn_that_finds_the_file_locked_fail_with_it([Range(1, 20)] int _)
    {
        var locked = new SqliteException("The database is locked.", SQLitePCL.raw.SQLITE_BUSY);
        var given = 0;
        var failing = new TaskCompletionSource();
        var first = _turns.RunAsync<int>(async () =>
        {
            await failing.Task;
            throw locked;
        }, CancellationToken.None);
        var waiting = Enumerable.Range(0, 16).Select(_ => _turns.RunAsync(() => Task.FromResult(Interlocked.Increment(ref given)), CancellationToken.None)).ToList();

        failing.SetResult();

        Assert.That(async () => await first, Throws.InstanceOf<SqliteException>());
        foreach (var task in waiting)
        {
            Assert.That(async () => await task, Throws.InstanceOf<SqliteException>());
        }

        Assert.That(given, Is.Zero, "each of them would have waited for the same lock again");
        Assert.That(await _turns.RunAsync(() => Task.FromResult(1), CancellationToken.None), Is.EqualTo(1), "the next one tries");
    }
}
