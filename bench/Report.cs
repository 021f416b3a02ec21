using System.Globalization;
using System.Runtime.InteropServices;

namespace McpIdentity.Bench;

/// <summary>The run as Markdown.</summary>
internal sealed class Report(BenchOptions options, Floor floor)
{
    // What a bare request cost on the machine for which the aims were set, in microseconds of CPU.
    private static readonly Floor OfTheAims = new(18, 17);

    private readonly List<string> _rows = [];
    private readonly List<string> _notes = [];

    public int Errors { get; private set; }

    private string Store => options.Filled == 0
        ? ""
        : string.Create(CultureInfo.InvariantCulture, $" with {options.Filled:N0} grants and {options.Filled / Filling.GrantsPerClient:N0} clients");

    public void Add(Operation operation, Figures figures)
    {
        var aim = operation.Aim * (options.UsePostgres ? 2 : 1);
        _rows.Add(string.Create(CultureInfo.InvariantCulture,
            $"| {operation.Name} | {figures.CpuMicroseconds:N0} | {aim:N0} | {figures.CpuMicroseconds / operation.Bare(floor):N1} | {aim / operation.Bare(OfTheAims):N1} | {figures.PerSecond:N0} | {figures.Median.TotalMilliseconds:N1} | {figures.P99.TotalMilliseconds:N1} | {figures.Errors} |"));
        Errors += figures.Errors;
        if (figures.Compiled > 0.03)
        {
            _notes.Add(string.Create(CultureInfo.InvariantCulture, $"{operation.Name}: {figures.Compiled:P0} of the CPU was still compilation."));
        }

        if (figures.FirstError is { } error)
        {
            _notes.Add($"{operation.Name}, first error: {error.ReplaceLineEndings(" ")}");
        }
    }

    public void Memory(long idle, long loaded, TimeSpan firstStart, TimeSpan start, RunningEndpoint bare) =>
        _notes.Add(string.Create(CultureInfo.InvariantCulture,
            $"Memory {idle} MiB idle, {loaded} MiB loaded (bare Kestrel {bare.Tree.ResidentMiB()}). First metadata 200 after {start.TotalMilliseconds:N0} ms; {firstStart.TotalMilliseconds:N0} ms when the schema had to be created."));

    public void Print(TextWriter writer)
    {
        var cpu = File.ReadLines("/proc/cpuinfo").FirstOrDefault(line => line.StartsWith("model name", StringComparison.Ordinal))?.Split(':')[1].Trim() ?? "unknown CPU";
        var split = Cores.AreSplit ? "server on one, load on the others" : "shared by server and load";
        writer.WriteLine($"{cpu}, {Environment.ProcessorCount} cores ({split}), {RuntimeInformation.FrameworkDescription}, {(options.UsePostgres ? "PostgreSQL" : "SQLite")}{Store}, {options.Duration.TotalSeconds.ToString(CultureInfo.InvariantCulture)} s each, {Load.Connections} connections, no TLS");
        writer.WriteLine();
        writer.WriteLine("| operation | CPU µs/op | aim | × bare | aim × bare | ops/s | p50 ms | p99 ms | errors |");
        writer.WriteLine("|---|---:|---:|---:|---:|---:|---:|---:|---:|");
        writer.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| *bare Kestrel: GET, form POST* | {floor.Get:N0}, {floor.Post:N0} | | | | | | | |"));
        _rows.ForEach(writer.WriteLine);
        writer.WriteLine();
        _notes.ForEach(writer.WriteLine);
    }
}
