using System.Globalization;

namespace McpIdentity.Bench;

/// <summary>Two builds in one run, each with a database of its own, loaded in turn.</summary>
internal static class Comparison
{
    public static async Task<int> RunAsync(BenchOptions options, string folder)
    {
        if (options.Against is not { } against)
        {
            await Console.Error.WriteLineAsync("compare needs --against FOLDER, a published server.");
            return 2;
        }

        await Cores.KeepLoadOffServerCoreAsync();
        await using var before = await Subject.StartAsync("before", against, folder, options.UsePostgres, options);
        await using var now = await Subject.StartAsync("now", options.Server ?? await ServerUnderTest.PublishAsync(folder), folder, options.UsePostgres, options);

        Console.WriteLine("| operation | before, CPU µs/op | now | now / before | middle half |\n|---|---:|---:|---:|---:|");
        var errors = 0;
        foreach (var operation in Operations.All.Where(operation => options.IsWanted(operation.Key)))
        {
            await before.PrepareAsync(operation.PrepareLane);
            await now.PrepareAsync(operation.PrepareLane);
            var series = await Series.MeasureAsync([before, now], options.Duration);
            var (old, current) = (series[0], series[1]);
            errors += old.Errors + current.Errors;
            var ratios = current.Ratios(old);
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"| {operation.Name} | {old.CpuMicroseconds:N0} | {current.CpuMicroseconds:N0} | {current.Ratio(old):N2} | {ratios[ratios.Count / 4]:N2} to {ratios[ratios.Count * 3 / 4]:N2} |"));
        }

        return errors == 0 ? 0 : 1;
    }
}
