using System.Collections.Concurrent;

namespace McpIdentity.Bench;

/// <summary>
/// Refreshes and codes under load, <c>kill -9</c> in the middle, a new start: every refresh token and every code that was
/// answered has to be good, and the server ready again within seconds.
/// </summary>
internal static class Kills
{
    private const int Chains = 12;

    public static async Task<int> RunAsync(BenchOptions options, string folder)
    {
        var program = options.Server ?? await ServerUnderTest.PublishAsync(folder);
        await using var database = options.UsePostgres ? await PostgresServer.StartAsync(Program.FreePort()) : null;
        var port = Program.FreePort();
        // A start on a busy machine may take longer than a client's patience, which is not what is measured here.
        string[] patience = [ServerUnderTest.PatientGrace, "--OAuth:AuthorizationCodeLifetime=00:10:00"];
        var server = await ServerUnderTest.StartAsync(program, folder, port, database, patience);
        using var wire = new Wire(server.Address);
        var client = await Client.RegisterForPeopleAsync(wire);
        var cookie = (await Browser.AllowAsync(client)).Cookie;
        var tokens = await client.ConnectAsync(cookie, Chains);
        var (answered, lost, ready) = (0, 0, new List<TimeSpan>());
        for (var round = 0; round < options.Rounds; round++)
        {
            var codes = new ConcurrentBag<string>();
            var work = tokens.Select((_, chain) => UntilItEndsAsync(async () =>
            {
                tokens[chain] = (await client.TryRefreshAsync(tokens[chain])).MustBe(200).Member("refresh_token");
                Interlocked.Increment(ref answered);
            })).Append(UntilItEndsAsync(async () =>
            {
                codes.Add(await client.CodeAsync(cookie));
                Interlocked.Increment(ref answered);
            })).ToList();
            await Task.Delay(Random.Shared.Next(50, 500));
            await server.DisposeAsync();
            await Task.WhenAll(work);

            server = await ServerUnderTest.StartAsync(program, folder, port, database, patience);
            ready.Add(server.Ready);
            for (var chain = 0; chain < Chains; chain++)
            {
                // Its successor may be spent without the answer having arrived; the grace is for that.
                var answer = await client.TryRefreshAsync(tokens[chain]);
                lost += answer.Status == 200 ? 0 : 1;
                tokens[chain] = answer.MustBe(200).Member("refresh_token");
            }

            foreach (var code in codes)
            {
                lost += (await client.TryRedeemAsync(code)).Status == 200 ? 0 : 1;
            }
        }

        await server.DisposeAsync();
        Console.WriteLine($"{(options.UsePostgres ? "PostgreSQL" : "SQLite")}: {options.Rounds} kills, {answered} answers, {lost} lost; " +
            $"ready again after {ready.Max().TotalSeconds:N1} s at most, {ready.Order().ElementAt(ready.Count / 2).TotalSeconds:N1} s in the middle");
        return lost == 0 ? 0 : 1;
    }

    private static async Task UntilItEndsAsync(Func<Task> request)
    {
        try
        {
            while (true)
            {
                await request();
            }
        }
        catch (HttpRequestException)
        {
            // Killed. A wrong answer is another exception, and the end of the run.
        }
    }
}
