namespace McpIdentity.Bench;

/// <summary>One column: a server that runs on the server's core, or two, with the store.</summary>
/// <param name="name">The column's title.</param>
/// <param name="wires">Where it answers: they are taken in turn.</param>
/// <param name="trees">Its processes first, then its store's: all count.</param>
/// <param name="parts">What ends with it.</param>
internal sealed class Subject(string name, IReadOnlyList<Wire> wires, IReadOnlyList<ProcessTree> trees, params IReadOnlyList<IAsyncDisposable> parts) : IAsyncDisposable
{
    private const int BurstsOfPeer = 20;

    private IReadOnlyList<Func<Task>> _lanes = [];

    private int _turn;

    /// <summary>That of its processes which is a database.</summary>
    private ProcessTree? Store { get; init; }

    /// <summary>How many lanes load it.</summary>
    private int Connections { get; init; } = Load.Connections;

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

    /// <summary>Memory of the server's processes, without the store's: all that is there, and what of it is theirs alone.</summary>
    public (long Resident, long Private) MemoryMiB() => (trees[0].ResidentMiB(), trees[0].PrivateMiB());

    /// <param name="name">The column's title.</param>
    /// <param name="program">The server's program file.</param>
    /// <param name="folder">Where it gets a folder of its own.</param>
    /// <param name="onPostgres">Whether its store is a PostgreSQL of its own.</param>
    /// <param name="filled">How many rows of others are stored before (<see cref="Filling"/>).</param>
    /// <param name="now">See <see cref="Now"/>.</param>
    public static async Task<Subject> StartAsync(string name, string program, string folder, bool onPostgres, int filled = 0, Subject? now = null)
    {
        Console.Error.WriteLine($"starting {name}");
        folder = Directory.CreateDirectory(Path.Combine(folder, name.Replace(' ', '-'))).FullName;
        var database = onPostgres ? await PostgresServer.StartAsync(Program.FreePort()) : null;
        if (filled > 0)
        {
            await using var first = await ServerUnderTest.StartAsync(program, folder, Program.FreePort(), database);
            await Filling.FillAsync(first, folder, database, filled);
        }

        var server = await ServerUnderTest.StartAsync(program, folder, Program.FreePort(), database);
        return new Subject(name, [new Wire(server.Address)], database is null ? [server.Tree] : [server.Tree, database.Tree], database is null ? [server] : [server, database])
        {
            Now = now,
            Store = database?.Tree,
            Allowance = database is null ? 1 : 2,
        };
    }

    /// <summary>Two servers on one PostgreSQL, each with as many lanes as one alone has.</summary>
    /// <param name="name">The column's title.</param>
    /// <param name="program">The server's program file.</param>
    /// <param name="folder">Where they get a folder.</param>
    /// <param name="areNodes">They share a database, and each request goes to the other one in turn, whatever came before it; else each has a database of its own, and a lane has a chain at each.</param>
    public static async Task<Subject> StartTwoAsync(string name, string program, string folder, bool areNodes)
    {
        Console.Error.WriteLine($"starting {name}");
        folder = Directory.CreateDirectory(Path.Combine(folder, name.Replace(' ', '-'))).FullName;
        var database = await PostgresServer.StartAsync(Program.FreePort());
        int[] ports = [Program.FreePort(), Program.FreePort()];
        var servers = new List<ServerUnderTest>();
        foreach (var port in ports)
        {
            // On one machine both would write the chain of one name.
            string[] settings = areNodes
                ? [$"--Audit:Node={port}", $"--Server:PublicBaseUrl=http://localhost:{ports[0]}"]
                : [$"--Database:ConnectionString={database.ConnectionStringOf("of" + port)}"]; // which the server makes
            servers.Add(await ServerUnderTest.StartAsync(program, folder, port, database, settings));
        }

        List<Uri> addresses = [.. servers.Select(server => server.Address)];
        Wire[] wires = areNodes ? [new Wire(addresses, addresses[0])] : [.. addresses.Select(address => new Wire(address))];
        return new Subject(name, wires, [.. servers.Select(server => server.Tree), database.Tree], [.. servers, database]) { Store = database.Tree, Connections = servers.Count * Load.Connections };
    }

    /// <summary>How long its metadata is: a bare endpoint answers as much.</summary>
    public async Task<int> MetadataSizeAsync() => (await wires[0].GetAsync(Operations.Metadata)).MustBe(200).Body.Length;

    /// <summary>Makes the lanes and lets the runtime compile what they need.</summary>
    public async Task PrepareAsync(Func<Wire, Task<Func<Task>>> prepareLane)
    {
        var lanes = new List<Func<Task>>();
        for (var lane = 0; lane < Connections; lane++)
        {
            lanes.Add(await InTurnAsync(prepareLane));
        }

        _lanes = lanes;
        await (IsPeer ? Load.WarmUpAsync(lanes, trees, fewest: BurstsOfPeer) : Load.WarmUpAsync(lanes, trees));
    }

    // Where there are two, whichever lane is next goes to the other one with its next operation, as a wire with two servers does with each request: what that costs is none of what nodes share.
    private async Task<Func<Task>> InTurnAsync(Func<Wire, Task<Func<Task>>> prepareLane)
    {
        var ofEach = new List<Func<Task>>();
        foreach (var wire in wires)
        {
            ofEach.Add(await prepareLane(wire));
        }

        return () => ofEach[(int)((uint)Interlocked.Increment(ref _turn) % ofEach.Count)]();
    }

    public Task<Figures> MeasureAsync(TimeSpan duration) => Load.MeasureAsync(_lanes, trees, Store, duration);

    public async ValueTask DisposeAsync()
    {
        foreach (var wire in wires)
        {
            wire.Dispose();
        }

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

    public double StoreMicroseconds => Of(slice => slice.StoreMicroseconds);

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
            // Whoever comes second finds the core as the first has left it: each comes first as often, and on the way there and back.
            var (first, step) = (round / 2, round % 2 == 0 ? 1 : subjects.Count - 1);
            for (var next = 0; next < subjects.Count; next++)
            {
                var turn = (first + (next * step)) % subjects.Count;
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
