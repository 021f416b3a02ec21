using System.Globalization;

namespace McpIdentity.Bench;

/// <summary>Two columns in one run, each with a database of its own, loaded in turn: two builds, an empty store and a full one; and two nodes.</summary>
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

    /// <summary>
    /// Two nodes beside two servers that have nothing in common, and so serve twice as much as one on cores of their own: what nodes cost beyond them is what
    /// sharing costs. All stand on one core here; that two processes take turns on it costs both alike, and shows beside the column of one.
    /// </summary>
    public static async Task<int> OfNodesAsync(BenchOptions options, string folder)
    {
        await Cores.KeepLoadOffServerCoreAsync();
        var program = options.Server ?? await ServerUnderTest.PublishAsync(folder);
        await using var one = await Subject.StartAsync("one", program, folder, onPostgres: true);
        await using var apart = await Subject.StartTwoAsync("two apart", program, folder, areNodes: false);
        await using var nodes = await Subject.StartTwoAsync("two nodes", program, folder, areNodes: true);

        Console.WriteLine("| operation | one, CPU µs/op (of it the database) | two apart | two nodes | two nodes / two apart | middle half |\n|---|---:|---:|---:|---:|---:|");
        var errors = 0;
        foreach (var operation in Operations.All.Where(operation => options.IsWanted(operation.Key)))
        {
            Subject[] all = [one, apart, nodes];
            foreach (var subject in all)
            {
                await subject.PrepareAsync(operation.PrepareLane);
            }

            var series = await Series.MeasureAsync(all, options.Duration);
            errors += series.Sum(each => each.Errors);
            var figures = string.Join(" | ", series.Select(each => string.Create(CultureInfo.InvariantCulture, $"{each.CpuMicroseconds:N0} ({each.StoreMicroseconds:N0})")));
            Console.WriteLine($"| {operation.Name} | {figures} | {Compared(series[2], series[1])} |");
        }

        return errors == 0 ? 0 : 1;
    }

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
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {operation.Name} | {series[0].CpuMicroseconds:N0} | {series[1].CpuMicroseconds:N0} | {Compared(series[1], series[0])} |"));
        }

        return errors == 0 ? 0 : 1;
    }

    private static string Compared(Series one, Series other)
    {
        var ratios = one.Ratios(other);
        return string.Create(CultureInfo.InvariantCulture, $"{one.Ratio(other):N2} | {ratios[ratios.Count / 4]:N2} to {ratios[ratios.Count * 3 / 4]:N2}");
    }
}
