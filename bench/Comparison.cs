using System.Globalization;

namespace McpIdentity.Bench;

/// <summary>
/// Two builds in one run, each with a database of its own, loaded in turn for half a second each: what slows the machine down
/// slows both, and the median of the ratios of neighbours shows differences that two runs one after the other do not.
/// </summary>
internal static class Comparison
{
    private static readonly TimeSpan Slice = TimeSpan.FromSeconds(0.5);

    public static async Task<int> RunAsync(BenchOptions options, string folder)
    {
        if (options.Against is not { } against)
        {
            await Console.Error.WriteLineAsync("compare needs --against FOLDER, a published server.");
            return 2;
        }

        await Cores.KeepLoadOffServerCoreAsync();
        await using var before = await Side.StartAsync(against, Directory.CreateDirectory(Path.Combine(folder, "before")).FullName, options);
        await using var now = await Side.StartAsync(options.Server ?? await ServerUnderTest.PublishAsync(folder), Directory.CreateDirectory(Path.Combine(folder, "now")).FullName, options);

        Console.WriteLine("| operation | before, CPU µs/op | now | now / before | middle half |\n|---|---:|---:|---:|---:|");
        var errors = 0;
        foreach (var operation in Operations.All.Where(operation => options.IsWanted(operation.Key)))
        {
            await before.PrepareAsync(operation);
            await now.PrepareAsync(operation);
            var pairs = new List<(Figures Before, Figures Now)>();
            for (var pair = 0; pair < options.Duration / Slice; pair++)
            {
                // Whoever comes second finds the core as the first has left it.
                var isReversed = pair % 2 == 1;
                var first = await (isReversed ? now : before).MeasureAsync(Slice);
                var second = await (isReversed ? before : now).MeasureAsync(Slice);
                pairs.Add(isReversed ? (second, first) : (first, second));
            }

            errors += pairs.Sum(pair => pair.Before.Errors + pair.Now.Errors);
            var ratios = pairs.Select(pair => pair.Now.CpuMicroseconds / pair.Before.CpuMicroseconds).Order().ToList();
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"| {operation.Name} | {Middle(pairs.Select(pair => pair.Before.CpuMicroseconds)):N0} | {Middle(pairs.Select(pair => pair.Now.CpuMicroseconds)):N0} | {Middle(ratios):N2} | {ratios[ratios.Count / 4]:N2} to {ratios[ratios.Count * 3 / 4]:N2} |"));
        }

        return errors == 0 ? 0 : 1;
    }

    private static double Middle(IEnumerable<double> figures) => figures.Order().ToList() is var sorted ? sorted[sorted.Count / 2] : 0;

    private sealed class Side(ServerUnderTest server, PostgresServer? database) : IAsyncDisposable
    {
        private readonly Wire _wire = new(server.Address);
        private readonly ProcessTree[] _trees = database is null ? [server.Tree] : [server.Tree, database.Tree];
        private IReadOnlyList<Func<Task>> _lanes = [];

        public static async Task<Side> StartAsync(string program, string folder, BenchOptions options)
        {
            var database = options.UsePostgres ? await PostgresServer.StartAsync(Program.FreePort()) : null;
            return new Side(await ServerUnderTest.StartAsync(program, folder, Program.FreePort(), database), database);
        }

        public async Task PrepareAsync(Operation operation)
        {
            _lanes = await operation.PrepareAsync(_wire);
            await Load.WarmUpAsync(_lanes, _trees);
        }

        public Task<Figures> MeasureAsync(TimeSpan slice) => Load.MeasureAsync(_lanes, _trees, slice);

        public async ValueTask DisposeAsync()
        {
            _wire.Dispose();
            await server.DisposeAsync();
            if (database is not null)
            {
                await database.DisposeAsync();
            }
        }
    }
}
