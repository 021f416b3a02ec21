using System.Diagnostics;
using System.Globalization;

namespace McpIdentity.Bench;

/// <summary>
/// How long the start is and the verbs are, and what CPU they take, on one core: the middle of some rounds, beside a bare Kestrel
/// and a .NET program that does nothing, and beside the build before.
/// </summary>
internal static class Starts
{
    private const int Rounds = 7;
    private const int Aim = 700;

    private static readonly string[][] Verbs = [["keygen"], ["config", "validate"], ["healthcheck"], ["clients", "list"]];

    public static async Task<int> RunAsync(BenchOptions options, string folder)
    {
        await Cores.KeepLoadOffServerCoreAsync();
        var program = options.Server ?? await ServerUnderTest.PublishAsync(folder);
        Console.WriteLine(Report.Machine(options));
        await MeasureAsync(options, program, folder);
        return 0;
    }

    public static async Task MeasureAsync(BenchOptions options, string program, string folder)
    {
        var columns = options.Against is { } against ? new[] { ("now", program), ("before", against) } : [("now", program)];
        var rows = new Dictionary<string, List<Took>>();
        for (var round = 0; round < Rounds; round++)
        {
            Console.Error.WriteLine($"starts, round {round + 1} of {Rounds}");
            Add("bare Kestrel, first 200", "", await BareAsync(folder));
            Add("a program that does nothing", "", await RunAsync(folder, typeof(Starts).Assembly.Location, "nothing"));
            foreach (var (column, file) in columns)
            {
                foreach (var (store, onPostgres) in new[] { ("SQLite", false), ("PostgreSQL", true) })
                {
                    if (options.Has(onPostgres ? "postgres" : "sqlite") && (!onPostgres || PostgresServer.IsInstalled))
                    {
                        await OfStoreAsync(column, file, store, onPostgres);
                    }
                }
            }
        }

        Print(rows, columns.Length > 1);

        void Add(string row, string column, Took took)
        {
            var key = $"{row}|{column}";
            (rows.TryGetValue(key, out var all) ? all : rows[key] = []).Add(took);
        }

        async Task OfStoreAsync(string column, string file, string store, bool onPostgres)
        {
            var home = Directory.CreateDirectory(Path.Combine(folder, $"starts-{column}-{Guid.NewGuid():N}")).FullName;
            await using var database = onPostgres ? await PostgresServer.StartAsync(Program.FreePort()) : null;
            await using (var first = await ServerUnderTest.StartAsync(file, home, Program.FreePort(), database))
            {
                Add($"first 200, {store}, nothing stored yet", column, new Took(first.Ready, first.ReadyCpu));
                await first.StopAsync();
            }

            var port = Program.FreePort();
            await using var server = await ServerUnderTest.StartAsync(file, home, port, database);
            Add($"first 200, {store}", column, new Took(server.Ready, server.ReadyCpu));
            foreach (var verb in onPostgres ? [] : Verbs)
            {
                Add(string.Join(' ', verb), column, await RunAsync(home, [file, .. verb, .. ServerUnderTest.Settings(home, port, database)]));
            }
        }
    }

    private static void Print(Dictionary<string, List<Took>> rows, bool withBefore)
    {
        Console.WriteLine($"\n| start or verb | wall ms | CPU ms | × bare wall | aim | {(withBefore ? "before, wall ms | CPU ms |" : "")}\n|---|---:|---:|---:|---|{(withBefore ? "---:|---:|" : "")}");
        foreach (var (key, all) in rows.Where(row => !row.Key.EndsWith("|before", StringComparison.Ordinal)))
        {
            var (name, took) = (key.Split('|')[0], Middle(all));
            var isOurs = key.EndsWith("|now", StringComparison.Ordinal);
            var bare = Middle(rows[name.StartsWith("first 200", StringComparison.Ordinal) ? "bare Kestrel, first 200|" : "a program that does nothing|"]);
            var before = !withBefore ? "" : rows.TryGetValue(name + "|before", out var old) ? $" {Text(Middle(old))} |" : " | |";
            var (ratio, verdict) = isOurs ? ((took.Wall / bare.Wall).ToString("N1", CultureInfo.InvariantCulture), Report.Within(took.Wall.TotalMilliseconds, Aim, "ms")) : ("", "");
            Console.WriteLine($"| {name} | {Text(took)} | {ratio} | {verdict} |{before}");
        }

        static string Text(Took took) => string.Create(CultureInfo.InvariantCulture, $"{took.Wall.TotalMilliseconds:N0} | {took.Cpu.TotalMilliseconds:N0}");
    }

    private static Took Middle(List<Took> all) => new(all.Select(took => took.Wall).Order().ElementAt(all.Count / 2), all.Select(took => took.Cpu).Order().ElementAt(all.Count / 2));

    private static async Task<Took> BareAsync(string folder)
    {
        var clock = Stopwatch.StartNew();
        await using var bare = await BareEndpoint.StartAsync(folder, Program.FreePort(), 1000);
        return new Took(clock.Elapsed, TimeSpan.FromMicroseconds(bare.Tree.CpuMicroseconds()));
    }

    // The shell knows what its children used, to the microsecond.
    private static async Task<Took> RunAsync(string folder, params string[] arguments)
    {
        var clock = Stopwatch.StartNew();
        var output = await ChildProcess.RunInAsync(folder, "/bin/sh", ["-c", "\"$@\" >&2 || exit 1; times", "sh", .. Cores.OnServerCore, "dotnet", .. arguments]);
        var wall = clock.Elapsed;
        var cpu = output.Split('\n')[1].Split(' ').Sum(part => (60 * Part(part, 0)) + Part(part, 1));
        return new Took(wall, TimeSpan.FromSeconds(cpu));

        static double Part(string time, int part) => double.Parse(time.TrimEnd('s').Split('m')[part], CultureInfo.InvariantCulture);
    }

    private sealed record Took(TimeSpan Wall, TimeSpan Cpu);
}
