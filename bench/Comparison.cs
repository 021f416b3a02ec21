using System.Globalization;

namespace McpIdentity.Bench;

/// <summary>Two columns in one run, each with a database of its own, loaded in turn: two builds, an empty store and a full one, one node and two.</summary>
internal static class Comparison
{
    private const int Full = 1_000_000;

    public static Task<int> OfBuildsAsync(BenchOptions options, string folder)
    {
        if (options.Against is not { } against)
        {
            Console.Error.WriteLine("compare needs --against FOLDER, a published server.");
            return Task.FromResult(2);
        }

        return RunAsync(options, folder, ("before", _ => Subject.StartAsync("before", against, folder, options.UsePostgres)), ("now", program => Subject.StartAsync("now", program, folder, options.UsePostgres)));
    }

    public static Task<int> OfStoresAsync(BenchOptions options, string folder) => RunAsync(
        options, folder,
        ("empty", program => Subject.StartAsync("empty", program, folder, options.UsePostgres)),
        ("filled", program => Subject.StartAsync("filled", program, folder, options.UsePostgres, filled: options.Filled ?? Full)));

    /// <summary>Two nodes serve 2 / ratio times as much as one, for as long as their database does.</summary>
    public static Task<int> OfNodesAsync(BenchOptions options, string folder) => RunAsync(
        options, folder,
        ("one node", program => Subject.StartAsync("one node", program, folder, onPostgres: true)),
        ("two nodes", program => Subject.StartAsync("two nodes", program, folder, onPostgres: true, nodes: 2)));

    private static async Task<int> RunAsync(BenchOptions options, string folder, (string Name, Func<string, Task<Subject>> Start) first, (string Name, Func<string, Task<Subject>> Start) second)
    {
        await Cores.KeepLoadOffServerCoreAsync();
        var program = options.Server ?? await ServerUnderTest.PublishAsync(folder);
        await using var one = await first.Start(program);
        await using var other = await second.Start(program);

        Console.WriteLine($"| operation | {first.Name}, CPU µs/op | {second.Name} | {second.Name} / {first.Name} | middle half |\n|---|---:|---:|---:|---:|");
        var errors = 0;
        foreach (var operation in Operations.All.Where(operation => options.IsWanted(operation.Key)))
        {
            await one.PrepareAsync(operation.PrepareLane);
            await other.PrepareAsync(operation.PrepareLane);
            var series = await Series.MeasureAsync([one, other], options.Duration);
            errors += series.Sum(each => each.Errors);
            var ratios = series[1].Ratios(series[0]);
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"| {operation.Name} | {series[0].CpuMicroseconds:N0} | {series[1].CpuMicroseconds:N0} | {series[1].Ratio(series[0]):N2} | {ratios[ratios.Count / 4]:N2} to {ratios[ratios.Count * 3 / 4]:N2} |"));
        }

        return errors == 0 ? 0 : 1;
    }
}
