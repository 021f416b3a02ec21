using System.Globalization;

namespace McpIdentity.Bench;

/// <summary>
/// Where a row's time goes: the kernel looks a thousand times a second of CPU at what the server and its database do, while the load
/// runs as it does when it is measured. A flame graph for each row, and its dearest methods on standard output.
/// </summary>
internal static class Profile
{
    private const int Listed = 25;

    public static async Task<int> RunAsync(BenchOptions options, string folder)
    {
        // The runtime says what it compiles and where; perf reads that only when the memory is no file's, and what was compiled
        // before the start has no names.
        foreach (var (name, value) in new[] { ("PerfMapEnabled", "3"), ("EnableWriteXorExecute", "0"), ("ReadyToRun", "0") })
        {
            Environment.SetEnvironmentVariable("DOTNET_" + name, value);
        }

        await Cores.KeepLoadOffServerCoreAsync();
        var program = options.Server ?? await ServerUnderTest.PublishAsync(folder);
        await using var subject = await Subject.StartAsync(options.UsePostgres ? "PostgreSQL" : "SQLite", program, folder, options.UsePostgres);
        var graphs = Directory.CreateDirectory(options.Output ?? Path.Combine(ServerUnderTest.RepositoryRoot(), "docs", "flames")).FullName;
        foreach (var operation in Operations.All.Where(operation => options.IsWanted(operation.Key)))
        {
            Console.Error.WriteLine(operation.Name);
            await subject.PrepareAsync(operation.PrepareLane);
            var load = subject.MeasureAsync(options.Duration + TimeSpan.FromSeconds(1));
            var stacks = Stacks.Parse(await SampleAsync(Path.Combine(folder, "perf.data"), subject.Processes, options.Duration));
            if ((await load).FirstError is { } error)
            {
                throw new InvalidOperationException($"{operation.Name}: {error}");
            }

            var title = $"{operation.Name}, {subject.Name}";
            await File.WriteAllTextAsync(Path.Combine(graphs, operation.Key + (options.UsePostgres ? "-postgres.svg" : ".svg")), FlameGraph.Draw(title, stacks));
            Print(title, stacks);
        }

        // Where perf looks for the names of methods, and .NET writes them, whatever TMPDIR says.
        subject.Processes.ToList().ForEach(process => File.Delete($"/tmp/perf-{process}.map"));
        return 0;
    }

    private static async Task<string> SampleAsync(string file, IEnumerable<int> processes, TimeSpan duration)
    {
        await ChildProcess.RunAsync("perf", "record", "-q", "-e", "cpu-clock", "-F", "997", "-g", "-p", string.Join(',', processes), "-o", file,
            "--", "sleep", duration.TotalSeconds.ToString(CultureInfo.InvariantCulture));
        return await ChildProcess.RunAsync("perf", "script", "-i", file, "-F", "comm,ip,sym,dso");
    }

    private static void Print(string title, Stacks stacks)
    {
        Console.WriteLine($"\n## {title}: {stacks.Samples} samples\n");
        List("itself", stacks.Own);
        List("with what it calls", stacks.Inclusive);

        void List(string heading, IEnumerable<KeyValuePair<string, int>> counts)
        {
            Console.WriteLine($"| {heading} | % |\n|---|---:|");
            foreach (var (name, count) in counts.OrderByDescending(pair => pair.Value).ThenBy(pair => pair.Key, StringComparer.Ordinal).Take(heading == "itself" ? Listed : 4 * Listed))
            {
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {name} | {100.0 * count / stacks.Samples:F1} |"));
            }

            Console.WriteLine();
        }
    }
}
