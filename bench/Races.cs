namespace McpIdentity.Bench;

/// <summary>
/// Twelve requests at once with one code or one refresh token, over one process and over two that share a database. Of a
/// code one may succeed; of a refresh token one without a grace, and within the grace all with the same successor.
/// </summary>
internal static class Races
{
    private const int Racers = 12;
    private const int Lanes = 4;

    public static async Task<int> RunAsync(BenchOptions options, string folder)
    {
        var program = options.Server ?? await ServerUnderTest.PublishAsync(folder);
        await using var database = options.UsePostgres ? await PostgresServer.StartAsync(Program.FreePort()) : null;
        Console.WriteLine($"{(options.UsePostgres ? "PostgreSQL" : "SQLite")}, {options.Rounds} rounds of {Racers} requests each\n");
        Console.WriteLine("| grace | nodes | codes spent once | refresh tokens with one child | other answers | seconds |");
        Console.WriteLine("|---:|---:|---:|---:|---:|---:|");
        var failed = false;
        foreach (var (grace, nodes) in new[] { (0, 1), (0, 2), (30, 1), (30, 2) })
        {
            var clock = System.Diagnostics.Stopwatch.StartNew();
            var count = await RunAsync(program, folder, database, options.Rounds, grace, nodes);
            Console.WriteLine($"| {grace} s | {nodes} | {count.Codes} of {options.Rounds} | {count.Refreshes} of {options.Rounds} | {count.Strange} | {clock.Elapsed.TotalSeconds:N0} |");
            failed |= count.Codes != options.Rounds || count.Refreshes != options.Rounds || count.Strange > 0;
        }

        return failed ? 1 : 0;
    }

    private static async Task<Count> RunAsync(string program, string folder, PostgresServer? database, int rounds, int grace, int nodes)
    {
        var port = Program.FreePort();
        string[] settings = [$"--Server:PublicBaseUrl=http://localhost:{port}", $"--OAuth:RefreshTokenReuseGraceSeconds={grace}"];
        await using var first = await ServerUnderTest.StartAsync(program, folder, port, database, settings);
        await using var second = nodes == 1 ? null : await ServerUnderTest.StartAsync(program, folder, Program.FreePort(), database, settings);
        using var wire = new Wire(first.Address);
        using var otherWire = new Wire(second?.Address ?? first.Address);
        var count = new Count();
        var left = rounds;
        await Task.WhenAll(Enumerable.Range(0, Lanes).Select(async _ =>
        {
            var client = await Client.RegisterForPeopleAsync(wire);
            Client[] at = [client, client.At(otherWire)];
            while (Interlocked.Decrement(ref left) >= 0)
            {
                await RaceForCodeAsync(at, await client.NewlyAllowedCodeAsync(), count);
                await RaceForRefreshAsync(at, await client.NewlyAllowedCodeAsync(), grace, count);
            }
        }));
        return count;
    }

    private static async Task RaceForCodeAsync(Client[] at, string code, Count count)
    {
        var answers = await Task.WhenAll(Enumerable.Range(0, Racers).Select(racer => at[racer % 2].TryRedeemAsync(code)));
        Interlocked.Add(ref count.Strange, answers.Count(answer => answer.Status is not (200 or 400)));
        Interlocked.Add(ref count.Codes, answers.Count(answer => answer.Status == 200) == 1 ? 1 : 0);
    }

    private static async Task RaceForRefreshAsync(Client[] at, string code, int grace, Count count)
    {
        var token = (await at[0].TryRedeemAsync(code)).MustBe(200).Member("refresh_token");
        var answers = await Task.WhenAll(Enumerable.Range(0, Racers).Select(racer => at[racer % 2].TryRefreshAsync(token)));
        Interlocked.Add(ref count.Strange, answers.Count(answer => answer.Status is not (200 or 400)));
        var successors = answers.Where(answer => answer.Status == 200).Select(answer => answer.Member("refresh_token")).ToList();
        var isOneChild = successors.Count == (grace == 0 ? 1 : Racers) && successors.Distinct().Count() == 1 &&
            // Without a grace the eleven that came second have ended the family.
            (await at[1].TryRefreshAsync(successors[0])).Status == (grace == 0 ? 400 : 200);
        Interlocked.Add(ref count.Refreshes, isOneChild ? 1 : 0);
    }

    private sealed class Count
    {
        public int Codes;
        public int Refreshes;
        public int Strange;
    }
}
