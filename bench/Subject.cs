namespace McpIdentity.Bench;

/// <summary>One column: a server that runs on the server's core, with the store it keeps its state in.</summary>
/// <param name="name">The column's title.</param>
/// <param name="wire">Where it answers.</param>
/// <param name="trees">Its processes first, then its store's: both count.</param>
/// <param name="parts">What ends with it.</param>
internal sealed class Subject(string name, Wire wire, IReadOnlyList<ProcessTree> trees, params IReadOnlyList<IAsyncDisposable> parts) : IAsyncDisposable
{
    private const int BurstsOfPeer = 20;

    private IReadOnlyList<Func<Task>> _lanes = [];

    public string Name => name;

    /// <summary>How much more than on SQLite a row may cost here.</summary>
    public int Allowance { get; init; } = 1;

    /// <summary>The column of this build whose ratio to this one is told; a column of this build has none.</summary>
    public Subject? Now { get; init; }

    /// <summary>Another product, asked only for what it has too.</summary>
    public bool IsPeer { get; init; }

    public bool Has(Operation operation) => operation.IsOfPeers || !IsPeer;

    /// <summary>The identifiers of its processes and its store's.</summary>
    public IEnumerable<int> Processes => trees.SelectMany(tree => tree.Members());

    /// <summary>Memory of the server's processes, without the store's.</summary>
    public long ResidentMiB() => trees[0].ResidentMiB();

    public static async Task<Subject> StartAsync(string name, string program, string folder, bool onPostgres, BenchOptions options, Subject? now = null)
    {
        Console.Error.WriteLine($"starting {name}");
        folder = Directory.CreateDirectory(Path.Combine(folder, name.Replace(' ', '-'))).FullName;
        var database = onPostgres ? await PostgresServer.StartAsync(Program.FreePort()) : null;
        if (options.Filled > 0)
        {
            await using var first = await ServerUnderTest.StartAsync(program, folder, Program.FreePort(), database);
            await Filling.FillAsync(first, folder, database, options.Filled);
        }

        var server = await ServerUnderTest.StartAsync(program, folder, Program.FreePort(), database);
        return database is null
            ? new Subject(name, new Wire(server.Address), [server.Tree], server) { Now = now }
            : new Subject(name, new Wire(server.Address), [server.Tree, database.Tree], server, database) { Now = now, Allowance = 2 };
    }

    /// <summary>How long its metadata is: a bare endpoint answers as much.</summary>
    public async Task<int> MetadataSizeAsync() => (await wire.GetAsync(Operations.Metadata)).MustBe(200).Body.Length;

    /// <summary>Makes the lanes and lets the runtime compile what they need.</summary>
    public async Task PrepareAsync(Func<Wire, Task<Func<Task>>> prepareLane)
    {
        var lanes = new List<Func<Task>>();
        for (var lane = 0; lane < Load.Connections; lane++)
        {
            lanes.Add(await prepareLane(wire));
        }

        _lanes = lanes;
        await (IsPeer ? Load.WarmUpAsync(lanes, trees, fewest: BurstsOfPeer) : Load.WarmUpAsync(lanes, trees));
    }

    public Task<Figures> MeasureAsync(TimeSpan duration) => Load.MeasureAsync(_lanes, trees, duration);

    public async ValueTask DisposeAsync()
    {
        wire.Dispose();
        foreach (var part in parts)
        {
            await part.DisposeAsync();
        }
    }
}

/// <summary>What a subject's slices showed.</summary>
internal sealed class Series(IReadOnlyList<Figures> slices)
{
    public double CpuMicroseconds => Of(slice => slice.CpuMicroseconds);

    public double PerSecond => Of(slice => slice.PerSecond);

    public double Median => Of(slice => slice.Median.TotalMilliseconds);

    public double P99 => Of(slice => slice.P99.TotalMilliseconds);

    public double Compiled => Of(slice => slice.Compiled);

    public int Errors => slices.Sum(slice => slice.Errors);

    public string? FirstError => slices.Select(slice => slice.FirstError).FirstOrDefault(error => error is not null);

    /// <summary>
    /// Slices in turn, half a second each: what slows the machine down slows all alike, and the median of the ratios of neighbours
    /// shows differences that two runs one after the other do not.
    /// </summary>
    public static async Task<IReadOnlyList<Series>> MeasureAsync(IReadOnlyList<Subject> subjects, TimeSpan duration)
    {
        var slice = TimeSpan.FromSeconds(0.5);
        var slices = subjects.Select(_ => new List<Figures>()).ToList();
        for (var round = 0; round < duration / slice; round++)
        {
            // Whoever comes second finds the core as the first has left it.
            foreach (var turn in Enumerable.Range(0, subjects.Count).Select(turn => round % 2 == 0 ? turn : subjects.Count - 1 - turn))
            {
                slices[turn].Add(await subjects[turn].MeasureAsync(slice));
            }
        }

        return [.. slices.Select(figures => new Series(figures))];
    }

    /// <summary>By round, what an operation cost here for each microsecond there, from the least.</summary>
    public IReadOnlyList<double> Ratios(Series other) =>
        [.. slices.Zip(other.All, (mine, others) => mine.CpuMicroseconds / others.CpuMicroseconds).Order()];

    /// <summary>The middle one of <see cref="Ratios"/>.</summary>
    public double Ratio(Series other) => Ratios(other) is var ratios ? ratios[ratios.Count / 2] : 0;

    private IReadOnlyList<Figures> All => slices;

    private double Of(Func<Figures, double> figure) => slices.Select(figure).Order().ElementAt(slices.Count / 2);
}
