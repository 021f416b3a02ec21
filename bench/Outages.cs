using System.Collections.Concurrent;
using System.Diagnostics;
using Microsoft.Data.Sqlite;

namespace McpIdentity.Bench;

/// <summary>
/// Refreshes under load while the database hangs, restarts, fails over, or is locked by another process: how long they and those
/// that need no database wait, how they are answered, and whether every token is good afterwards.
/// </summary>
internal static class Outages
{
    private const int Chains = 12;

    private static readonly TimeSpan Lasts = TimeSpan.FromSeconds(6);
    private static readonly string[] WithoutDatabase = [Operations.Metadata, "/.well-known/jwks.json", "/health/live"];

    public static async Task<int> RunAsync(BenchOptions options, string folder)
    {
        var program = options.Server ?? await ServerUnderTest.PublishAsync(folder);
        await using var database = options.UsePostgres ? await PostgresServer.StartAsync(Program.FreePort()) : null;
        await using var server = await ServerUnderTest.StartAsync(program, folder, Program.FreePort(), database, ServerUnderTest.PatientGrace);
        return database is null
            ? await MeasureAsync(server, options.Rounds, ("SQLite locked", () => LockAsync(folder)))
            : await MeasureAsync(server, options.Rounds, ("PostgreSQL hung", () => database.HangAsync(Lasts)), ("PostgreSQL restarted", database.RestartAsync));
    }

    /// <summary>The primary is gone and its standby, which was told nothing before, takes over: once, for it leads nowhere back.</summary>
    public static async Task<int> OfPrimaryAsync(BenchOptions options, string folder)
    {
        var program = options.Server ?? await ServerUnderTest.PublishAsync(folder);
        await using var primary = await PostgresServer.StartAsync(Program.FreePort());
        await using var standby = await primary.StartStandbyAsync(Program.FreePort());
        await using var server = await ServerUnderTest.StartAsync(
            program, folder, Program.FreePort(), primary, ServerUnderTest.PatientGrace, "--Database:ConnectionString=" + PostgresServer.ConnectionStringOf(primary, standby));
        return await MeasureAsync(server, rounds: 1, ("PostgreSQL failed over", async () =>
        {
            await primary.KillAsync();
            await Task.Delay(Lasts);
            await standby.PromoteAsync();
        }
        ));
    }

    private static async Task<int> MeasureAsync(ServerUnderTest server, int rounds, params (string Name, Func<Task> Run)[] outages)
    {
        using var wire = new Wire(server.Address);
        var client = await Client.RegisterForPeopleAsync(wire);
        var tokens = await client.ConnectAsync((await Browser.AllowAsync(client)).Cookie, Chains);
        Console.WriteLine("| outage | answers | of them 503 | longest wait, s | others, longest wait, s | good again after, s | lost |\n|---|---:|---:|---:|---:|---:|---:|");
        var lost = 0;
        foreach (var (name, outage) in outages)
        {
            var round = new Round(client, tokens);
            for (var i = 0; i < rounds; i++)
            {
                await round.RunAsync(outage);
            }

            Console.WriteLine(FormattableString.Invariant(
                $"| {name}, {rounds} times | {round.Answers.Count} | {round.Unavailable} | {round.Answers.Max().TotalSeconds:N1} | {round.Others.Max().TotalSeconds:N2} | {round.GoodAgain.Max().TotalSeconds:N1} | {round.Lost} |"));
            lost += round.Lost;
        }

        return lost == 0 ? 0 : 1;
    }

    // As a backup or a verb of the command line that takes too long.
    private static async Task LockAsync(string folder)
    {
        await using var other = new SqliteConnection(ServerUnderTest.SqliteIn(folder) + ";Pooling=False");
        await other.OpenAsync();
        await using var transaction = other.BeginTransaction(); // IMMEDIATE: the one writer
        await Task.Delay(Lasts);
    }

    private sealed class Round(Client client, string[] tokens)
    {
        private int _unavailable;
        private int _lost;

        public ConcurrentBag<TimeSpan> Answers { get; } = [];

        public ConcurrentBag<TimeSpan> Others { get; } = [];

        public ConcurrentBag<TimeSpan> GoodAgain { get; } = [];

        public int Unavailable => _unavailable;

        public int Lost => _lost;

        public async Task RunAsync(Func<Task> outage)
        {
            var isOver = false;
            var over = new Stopwatch();
            var work = tokens.Select((_, chain) => RefreshAsync(chain)).Concat(WithoutDatabase.Select(AskAsync)).ToList();
            await Task.Delay(TimeSpan.FromSeconds(1));
            await outage();
            over.Start();
            Volatile.Write(ref isOver, true);
            await Task.WhenAll(work);

            async Task RefreshAsync(int chain)
            {
                while (true)
                {
                    var wasOver = Volatile.Read(ref isOver);
                    var clock = Stopwatch.StartNew();
                    var answer = await client.TryRefreshAsync(tokens[chain]);
                    Answers.Add(clock.Elapsed);
                    if (answer.Status == 200)
                    {
                        tokens[chain] = answer.Member("refresh_token");
                        if (wasOver)
                        {
                            GoodAgain.Add(over.Elapsed);
                            return;
                        }
                    }
                    else if (answer.Status == 503)
                    {
                        Interlocked.Increment(ref _unavailable);
                        await Task.Delay(TimeSpan.FromMilliseconds(50));
                    }
                    else
                    {
                        Console.Error.WriteLine(answer.Text);
                        Interlocked.Increment(ref _lost);
                        return;
                    }
                }
            }

            async Task AskAsync(string path)
            {
                while (!Volatile.Read(ref isOver))
                {
                    var clock = Stopwatch.StartNew();
                    (await client.Wire.GetAsync(path)).MustBe(200);
                    Others.Add(clock.Elapsed);
                    await Task.Delay(TimeSpan.FromMilliseconds(20));
                }
            }
        }
    }
}
