using System.Diagnostics;

namespace McpIdentity.Bench;

/// <summary>Sixteen lanes, each sending its next request when the last one is answered.</summary>
internal static class Load
{
    public const int Connections = 16;

    private const int FewestBursts = 6;
    private const int MostBursts = 60;
    private const double LittleCompilation = 10_000;
    private static readonly TimeSpan Burst = TimeSpan.FromSeconds(0.4);

    /// <summary>
    /// Bursts with pauses, until two in a row give the runtime nothing more to compile: it compiles hot methods anew in
    /// the background, in steps, and on a saturated core the compiler does not come to its turn (seen: 223 operations a
    /// second in place of 900).
    /// </summary>
    /// <param name="fewest">At least so many bursts: of a runtime whose compiler does not show.</param>
    public static async Task WarmUpAsync(IReadOnlyList<Func<Task>> lanes, IReadOnlyList<ProcessTree> trees, int fewest = FewestBursts)
    {
        var quietBursts = 0;
        for (var burst = 0; burst < fewest || (quietBursts < 2 && burst < MostBursts); burst++)
        {
            var before = Compiler(trees);
            await RunAsync(lanes, Burst);
            await SettleAsync(trees);
            quietBursts = Compiler(trees) - before < LittleCompilation ? quietBursts + 1 : 0;
        }
    }

    /// <param name="lanes">What they send, one after the other each.</param>
    /// <param name="trees">The processes that count.</param>
    /// <param name="store">That among them which is a database of its own.</param>
    /// <param name="duration">How long.</param>
    public static async Task<Figures> MeasureAsync(IReadOnlyList<Func<Task>> lanes, IReadOnlyList<ProcessTree> trees, ProcessTree? store, TimeSpan duration)
    {
        var (cpu, ofStore, compiler) = (Cpu(trees), store?.CpuMicroseconds() ?? 0, Compiler(trees));
        var clock = Stopwatch.StartNew();
        var results = await RunAsync(lanes, duration);
        var (used, usedByStore, elapsed) = (Cpu(trees) - cpu, (store?.CpuMicroseconds() ?? 0) - ofStore, clock.Elapsed);
        var compiled = Math.Max(0, Compiler(trees) - compiler) / Math.Max(used, 1);

        var latencies = results.SelectMany(lane => lane.Latencies).Order().ToList();
        var errors = results.Sum(lane => lane.Errors);
        var done = latencies.Count;
        return new Figures(
            used / Math.Max(done, 1), done / elapsed.TotalSeconds, Percentile(latencies, 0.50), Percentile(latencies, 0.99),
            compiled, errors, results.Select(lane => lane.FirstError).FirstOrDefault(error => error is not null))
        {
            StoreMicroseconds = usedByStore / Math.Max(done, 1),
        };
    }

    private static Task<LaneResult[]> RunAsync(IReadOnlyList<Func<Task>> lanes, TimeSpan duration)
    {
        var end = Stopwatch.GetTimestamp() + (long)(duration.TotalSeconds * Stopwatch.Frequency);
        return Task.WhenAll(lanes.Select(lane => Task.Run(() => RunLaneAsync(lane, end))));
    }

    private static async Task<LaneResult> RunLaneAsync(Func<Task> request, long end)
    {
        var result = new LaneResult();
        for (var start = Stopwatch.GetTimestamp(); start < end; start = Stopwatch.GetTimestamp())
        {
            try
            {
                await request();
                result.Latencies.Add(Stopwatch.GetElapsedTime(start));
            }
            catch (Exception exception) when (exception is WrongAnswerException or HttpRequestException or KeyNotFoundException)
            {
                result.Errors++;
                result.FirstError ??= exception.Message;
                // A lane whose chain is broken would fill its time with refusals.
                await Task.Delay(50);
            }
        }

        return result;
    }

    // Compilation starts a tenth of a second after the last new method was seen, and works in slices: one quiet moment
    // does not say that it is over.
    private static async Task SettleAsync(IReadOnlyList<ProcessTree> trees)
    {
        var patience = Stopwatch.StartNew();
        for (var quiet = 0; quiet < 2 && patience.Elapsed < TimeSpan.FromSeconds(5);)
        {
            var before = Compiler(trees);
            await Task.Delay(200);
            quiet = Math.Abs(Compiler(trees) - before) < 1 ? quiet + 1 : 0;
        }
    }

    private static double Compiler(IReadOnlyList<ProcessTree> trees) => trees.Sum(tree => tree.CompilerMicroseconds());

    private static double Cpu(IReadOnlyList<ProcessTree> trees) => trees.Sum(tree => tree.CpuMicroseconds());

    private static TimeSpan Percentile(List<TimeSpan> sorted, double part) =>
        sorted.Count == 0 ? TimeSpan.Zero : sorted[Math.Min(sorted.Count - 1, (int)(sorted.Count * part))];

    private sealed class LaneResult
    {
        public List<TimeSpan> Latencies { get; } = new(4096);

        public int Errors { get; set; }

        public string? FirstError { get; set; }
    }
}

/// <summary>What one operation cost.</summary>
/// <param name="CpuMicroseconds">Of the server's processes, per operation that succeeded.</param>
/// <param name="PerSecond">Operations that succeeded.</param>
/// <param name="Median">Of their latencies.</param>
/// <param name="P99">Of their latencies.</param>
/// <param name="Compiled">The part of the CPU that went into compilation: what the warm-up left.</param>
/// <param name="Errors">Requests whose answer was not the right one.</param>
/// <param name="FirstError">One of them.</param>
internal sealed record Figures(double CpuMicroseconds, double PerSecond, TimeSpan Median, TimeSpan P99, double Compiled, int Errors, string? FirstError)
{
    /// <summary>What of the CPU is the database's, where it has processes of its own.</summary>
    public double StoreMicroseconds { get; init; }
}
