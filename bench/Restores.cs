using System.Diagnostics;

namespace McpIdentity.Bench;

/// <summary>
/// A backup while refreshes go on, more refreshes and a revocation, and the backup put back. Without the verb
/// <c>restored</c> every client goes on with the newest token it has; with it none does, and whoever begins anew is let in.
/// </summary>
internal static class Restores
{
    private const int Chains = 12;

    public static async Task<int> RunAsync(BenchOptions options, string folder)
    {
        var program = options.Server ?? await ServerUnderTest.PublishAsync(folder);
        await using var database = options.UsePostgres ? await PostgresServer.StartAsync(Program.FreePort()) : null;
        var port = Program.FreePort();
        var server = await StartAsync();
        try
        {
            using var wire = new Wire(server.Address);
            var client = await Client.RegisterForPeopleAsync(wire);
            var (answers, lost, back, longest, ready) = (0, 0, 0, TimeSpan.Zero, TimeSpan.Zero);
            for (var round = 0; round < options.Rounds; round++)
            {
                var withVerb = round % 2 == 1;
                var tokens = await client.ConnectAsync((await Browser.AllowAsync(client)).Cookie, Chains + 1);
                var backup = Path.Combine(folder, $"backup-{round}");
                var (isTaken, refreshes) = (false, 0);
                var work = Enumerable.Range(0, Chains).Select(async chain =>
                {
                    // During the backup, and at least twice after it.
                    for (var after = 0; after < 2; after += Volatile.Read(ref isTaken) ? 1 : 0)
                    {
                        var clock = Stopwatch.StartNew();
                        tokens[chain] = (await client.TryRefreshAsync(tokens[chain])).MustBe(200).Member("refresh_token");
                        Interlocked.Increment(ref refreshes);
                        lock (tokens)
                        {
                            longest = clock.Elapsed > longest ? clock.Elapsed : longest;
                        }
                    }
                }).ToList();
                await BackUpAsync(backup);
                Volatile.Write(ref isTaken, true);
                await Task.WhenAll(work);
                answers += refreshes;
                (await wire.PostFormAsync("/oauth/revoke", Wire.Form(("client_id", client.Id), ("token", tokens[Chains])))).MustBe(200);

                await server.StopAsync();
                await PutBackAsync(backup);
                if (withVerb)
                {
                    await VerbAsync("restored", "--yes");
                }

                server = await StartAsync();
                ready = server.Ready > ready ? server.Ready : ready;
                for (var chain = 0; chain < Chains; chain++)
                {
                    lost += (await client.TryRefreshAsync(tokens[chain])).Status == (withVerb ? 400 : 200) ? 0 : 1;
                }

                back += (await client.TryRefreshAsync(tokens[Chains])).Status == 200 ? 1 : 0;
                await Task.Delay(TimeSpan.FromSeconds(2)); // until then clocks of several servers may disagree on what came before
            }

            Console.WriteLine(FormattableString.Invariant(
                $"{(database is null ? "SQLite" : "PostgreSQL")}: {options.Rounds} restores, half of them with the verb, {answers} answers during backups, the longest wait {longest.TotalSeconds:N1} s; ") +
                FormattableString.Invariant($"ready after {ready.TotalSeconds:N1} s at most; {lost} clients were treated otherwise than documented; {back} of the revoked grants were back, {(options.Rounds + 1) / 2} expected"));
            return lost == 0 && back == (options.Rounds + 1) / 2 ? 0 : 1;
        }
        finally
        {
            await server.DisposeAsync();
        }

        Task<ServerUnderTest> StartAsync() => ServerUnderTest.StartAsync(program, folder, port, database, ServerUnderTest.PatientGrace);

        Task VerbAsync(params string[] words) => ServerUnderTest.RunVerbAsync(program, folder, database, words);

        Task BackUpAsync(string file) => database is null ? VerbAsync("backup", "--to", file) : database.DumpAsync(file);

        Task PutBackAsync(string file)
        {
            if (database is not null)
            {
                return database.RestoreAsync(file);
            }

            var current = ServerUnderTest.SqliteFileIn(folder);
            File.Copy(file, current, overwrite: true);
            File.Delete(current + "-wal");
            File.Delete(current + "-shm");
            return Task.CompletedTask;
        }
    }
}
