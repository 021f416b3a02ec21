using System.Globalization;
using System.Runtime.InteropServices;

namespace McpIdentity.Bench;

/// <summary>The run as Markdown: what each row costs on the server, how it felt to clients, and the memory.</summary>
internal sealed class Report(BenchOptions options)
{
    private const int IdleAim = 80;
    private const int LoadedAim = 150;

    private readonly List<(Operation Operation, Series Bare, Dictionary<Subject, Series> Cells)> _rows = [];
    private readonly List<string> _notes = [];
    private readonly List<(string Name, (long Resident, long Private) Idle, (long Resident, long Private) Loaded)> _memory = [];
    private IReadOnlyList<Subject> _subjects = [];

    public int Errors => _rows.Sum(row => row.Cells.Values.Sum(series => series.Errors));

    public void Add(Operation operation, Series bare, Dictionary<Subject, Series> cells)
    {
        _rows.Add((operation, bare, cells));
        foreach (var (subject, series) in cells)
        {
            if (series.Compiled > 0.03)
            {
                _notes.Add(string.Create(CultureInfo.InvariantCulture, $"{operation.Name}, {subject.Name}: {series.Compiled:P0} of the CPU was still compilation."));
            }

            if (series.FirstError is { } error)
            {
                _notes.Add($"{operation.Name}, {subject.Name}, first error: {error.ReplaceLineEndings(" ")}");
            }
        }
    }

    public void Idle(IReadOnlyList<Subject> subjects, RunningEndpoint bare)
    {
        _subjects = subjects;
        _memory.AddRange(subjects.Select(subject => (subject.Name, subject.MemoryMiB(), (0L, 0L))).Append(("bare Kestrel", MemoryOf(bare), (0L, 0L))));
    }

    public void Loaded(IReadOnlyList<Subject> subjects, RunningEndpoint bare)
    {
        var loaded = subjects.Select(subject => subject.MemoryMiB()).Append(MemoryOf(bare)).ToList();
        for (var i = 0; i < loaded.Count; i++)
        {
            _memory[i] = _memory[i] with { Loaded = loaded[i] };
        }
    }

    public void Print(TextWriter writer)
    {
        writer.WriteLine(Machine(options));
        if (_rows.Count == 0)
        {
            return;
        }

        writer.WriteLine("\nServer CPU µs per operation, the store's included (× bare); at a peer or an earlier build also what ours costs of it:\n");
        Line(["operation", "bare", .. _subjects.Select(subject => subject.Name), "aim × bare", "verdict"]);
        writer.WriteLine("|---|---:|" + string.Concat(_subjects.Select(_ => "---:|")) + "---:|---|");
        foreach (var (operation, bare, cells) in _rows)
        {
            Line([operation.Name, Number(bare.CpuMicroseconds), .. _subjects.Select(subject => Cell(subject, bare, cells)), operation.Aim is { } aim ? Number(aim) : "", Verdict(operation, bare, cells)]);
        }

        writer.WriteLine("\nOperations a second, p50 and p99 in ms:\n");
        Line(["operation", .. _subjects.Select(subject => subject.Name), "errors"]);
        writer.WriteLine("|---|" + string.Concat(_subjects.Select(_ => "---:|")) + "---:|");
        foreach (var (operation, _, cells) in _rows)
        {
            Line([operation.Name, .. _subjects.Select(subject => cells.TryGetValue(subject, out var series) ? string.Create(CultureInfo.InvariantCulture, $"{series.PerSecond:N0}, {series.Median:N1}, {series.P99:N1}") : ""), Number(cells.Values.Sum(series => series.Errors))]);
        }

        writer.WriteLine("\n| memory, MiB | idle | its own | loaded | its own | verdict |\n|---|---:|---:|---:|---:|---|");
        foreach (var (name, idle, loaded) in _memory)
        {
            var isOurs = _subjects.Any(subject => subject.Name == name && subject.Now is null);
            Line([name, Number(idle.Resident), Number(idle.Private), Number(loaded.Resident), Number(loaded.Private), isOurs ? $"idle {Within(idle.Resident, IdleAim, "MiB")}, loaded {Within(loaded.Resident, LoadedAim, "MiB")}" : ""]);
        }

        writer.WriteLine();
        _notes.ForEach(writer.WriteLine);

        void Line(IEnumerable<string> cells) => writer.WriteLine($"| {string.Join(" | ", cells)} |");
    }

    /// <summary>What was measured where.</summary>
    public static string Machine(BenchOptions options)
    {
        var cpu = File.ReadLines("/proc/cpuinfo").FirstOrDefault(line => line.StartsWith("model name", StringComparison.Ordinal))?.Split(':')[1].Trim() ?? "unknown CPU";
        var split = Cores.AreSplit ? "server on one, load on the others" : "shared by server and load";
        return $"{cpu}, {Environment.ProcessorCount} cores ({split}), {RuntimeInformation.FrameworkDescription}, {options.Duration.TotalSeconds.ToString(CultureInfo.InvariantCulture)} s each, {Load.Connections} connections, no TLS";
    }

    /// <summary>Whether a figure is what we aim at.</summary>
    public static string Within(double figure, double aim, string unit) =>
        figure <= aim ? $"≤ {Number(aim)} {unit}: met" : string.Create(CultureInfo.InvariantCulture, $"≤ {Number(aim)} {unit}: missed by {figure / aim:N2} ×");

    private static string Cell(Subject subject, Series bare, Dictionary<Subject, Series> cells)
    {
        if (!cells.TryGetValue(subject, out var series))
        {
            return "";
        }

        var now = subject.Now is { } ours ? $"; ours {cells[ours].Ratio(series).ToString("N2", CultureInfo.InvariantCulture)}" : "";
        return string.Create(CultureInfo.InvariantCulture, $"{series.CpuMicroseconds:N0} ({series.Ratio(bare):N1}{now})");
    }

    private static string Verdict(Operation operation, Series bare, Dictionary<Subject, Series> cells) => operation.Aim is not { } aim ? "" : string.Join(", ", cells
        .Where(cell => cell.Key.Now is null)
        .Select(cell => (cell.Key.Name, Over: cell.Value.Ratio(bare) / (aim * cell.Key.Allowance)))
        .Select(cell => cell.Over <= 1 ? $"{cell.Name}: met" : string.Create(CultureInfo.InvariantCulture, $"{cell.Name}: missed by {cell.Over:N2} ×")));

    private static (long Resident, long Private) MemoryOf(RunningEndpoint bare) => (bare.Tree.ResidentMiB(), bare.Tree.PrivateMiB());

    private static string Number(double number) => number.ToString(number < 10 ? "0.#" : "N0", CultureInfo.InvariantCulture);
}
