using System.Globalization;

namespace McpIdentity.Bench;

/// <summary>
/// A process and its descendants, read from <c>/proc</c>: CPU per operation is what holds on a machine that others use
/// too, where operations per second do not.
/// </summary>
internal sealed class ProcessTree(int root)
{
    // proc(5): USER_HZ is 100 wherever .NET runs on Linux.
    private const double TickMicroseconds = 10_000;

    /// <summary>User and system time so far, of ended and reaped descendants too (PostgreSQL's backends come and go).</summary>
    public double CpuMicroseconds() => Processes().Sum(process => process.Ticks) * TickMicroseconds;

    /// <summary>Its processes' identifiers.</summary>
    public IEnumerable<int> Members() => Processes().Select(process => process.Id);

    /// <summary>What of its memory is there, pages of files included that it shares with others.</summary>
    public long ResidentMiB() => Processes().Sum(process => KiB($"/proc/{process.Id}/status", "VmRSS:")) / 1024;

    /// <summary>What of that nobody else has and no file: it is freed with the process alone.</summary>
    public long PrivateMiB() => Processes().Sum(process => KiB($"/proc/{process.Id}/smaps_rollup", "Private_Dirty:")) / 1024;

    /// <summary>What the runtime's background compiler has used, as long as its thread lives; seconds of idleness end it.</summary>
    public double CompilerMicroseconds() => Directory.EnumerateDirectories($"/proc/{root}/task").Sum(CompilerMicroseconds);

    private static double CompilerMicroseconds(string thread)
    {
        try
        {
            // The kernel cuts names at 15 characters. schedstat begins with nanoseconds on a CPU.
            return File.ReadAllText(thread + "/comm").StartsWith(".NET Tiered Com", StringComparison.Ordinal)
                ? double.Parse(File.ReadAllText(thread + "/schedstat").Split(' ')[0], CultureInfo.InvariantCulture) / 1000
                : 0;
        }
        catch (IOException)
        {
            return 0; // the thread has ended since it was listed
        }
    }

    private IEnumerable<Stat> Processes()
    {
        var all = Directory.EnumerateDirectories("/proc")
            .Select(path => int.TryParse(Path.GetFileName(path), out var id) ? Read(id) : null).OfType<Stat>().ToList();
        var children = all.ToLookup(process => process.Parent);
        return all.Where(process => process.Id == root).SelectMany(process => WithDescendants(process, children));
    }

    private static IEnumerable<Stat> WithDescendants(Stat process, ILookup<int, Stat> children) =>
        children[process.Id].SelectMany(child => WithDescendants(child, children)).Prepend(process);

    private static Stat? Read(int id)
    {
        try
        {
            var text = File.ReadAllText($"/proc/{id}/stat");
            // The name in parentheses may hold spaces; what follows it does not. After it: state ppid ... utime(12) stime cutime cstime.
            var fields = text[(text.LastIndexOf(')') + 2)..].Split(' ');
            return new Stat(id, int.Parse(fields[1], CultureInfo.InvariantCulture), fields[11..15].Sum(field => double.Parse(field, CultureInfo.InvariantCulture)));
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return null; // it has ended since it was listed
        }
    }

    private static long KiB(string file, string name)
    {
        var line = File.ReadLines(file).FirstOrDefault(line => line.StartsWith(name, StringComparison.Ordinal));
        return line is null ? 0 : long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture);
    }

    private sealed record Stat(int Id, int Parent, double Ticks);
}
