namespace McpIdentity.Bench;

/// <summary>
/// All rows in one run: this build on each database, the one before it, others and a bare endpoint, loaded in turn, so that the
/// machine's other work hits all alike.
/// </summary>
internal static class Measurement
{
    public static async Task<int> RunAsync(BenchOptions options, string folder)
    {
        await Cores.KeepLoadOffServerCoreAsync();
        var program = options.Server ?? await ServerUnderTest.PublishAsync(folder);
        var subjects = new List<Subject>();
        try
        {
            var report = new Report(options);
            if (Operations.All.Any(operation => options.IsWanted(operation.Key)))
            {
                await StartAsync(subjects, program, options, folder);
                await MeasureAsync(report, subjects, options, folder);
            }

            report.Print(Console.Out);
            var errors = report.Errors;
            if (options.IsWanted("gateway"))
            {
                await EndAsync(subjects);
                errors += await Gateway.MeasureAsync(options, program, folder);
            }

            if (options.IsWanted("starts"))
            {
                await EndAsync(subjects);
                await Starts.MeasureAsync(options, program, folder);
            }

            return errors == 0 ? 0 : 1;
        }
        finally
        {
            await EndAsync(subjects);
        }
    }

    private static async Task StartAsync(List<Subject> subjects, string program, BenchOptions options, string folder)
    {
        foreach (var (name, onPostgres) in new[] { ("SQLite", false), ("PostgreSQL", true) })
        {
            if (!options.Has(name == "SQLite" ? "sqlite" : "postgres"))
            {
                continue;
            }

            if (onPostgres && !PostgresServer.IsInstalled)
            {
                Console.Error.WriteLine("PostgreSQL 15 is not installed: no column for it.");
                continue;
            }

            subjects.Add(await Subject.StartAsync(name, program, folder, onPostgres));
            if (options.Against is { } against)
            {
                subjects.Add(await Subject.StartAsync($"{name} before", against, folder, onPostgres, now: subjects[^1]));
            }
        }

        if (options.WithPeers)
        {
            subjects.AddRange(await Peers.StartAsync(folder, now: subjects[0]));
        }
    }

    private static async Task MeasureAsync(Report report, List<Subject> subjects, BenchOptions options, string folder)
    {
        await using var endpoint = await BareEndpoint.StartAsync(folder, Program.FreePort(), await subjects[0].MetadataSizeAsync());
        await Task.Delay(TimeSpan.FromSeconds(2));
        report.Idle(subjects, endpoint);
        var bare = await BareEndpoint.SubjectsAsync(endpoint);
        foreach (var operation in Operations.All.Where(operation => options.IsWanted(operation.Key)))
        {
            var able = subjects.Where(subject => subject.Has(operation)).ToList();
            foreach (var subject in able)
            {
                Console.Error.WriteLine($"{operation.Name}, {subject.Name}");
                await subject.PrepareAsync(operation.PrepareLane);
            }

            var series = await Series.MeasureAsync([bare[operation.Bare], .. able], options.Duration);
            report.Add(operation, series[0], able.Zip(series.Skip(1)).ToDictionary());
        }

        report.Loaded(subjects, endpoint);
    }

    // Those that are measured next have the core to themselves.
    private static async Task EndAsync(List<Subject> subjects)
    {
        foreach (var subject in subjects)
        {
            await subject.DisposeAsync();
        }

        subjects.Clear();
    }
}
