using System.Collections.Concurrent;
using System.Diagnostics;

namespace McpIdentity.Bench;

/// <summary>
/// What clients do while something happens to the server: chains of refreshes, tool calls, registrations, each lane its next
/// request when the last one is answered. Afterwards how many were answered, how long the longest took, and what was lost.
/// </summary>
internal sealed class Campaign : IAsyncDisposable
{
    private const int Chains = 4;

    private readonly ConcurrentDictionary<string, int> _losses = [];
    private readonly CancellationTokenSource _ending = new();
    private readonly Task _lanes;
    private readonly bool _asksAgain;
    private int _answers;
    private int _unavailable;
    private long _longest;

    private Campaign(IEnumerable<Func<Task>> lanes, bool asksAgain)
    {
        _asksAgain = asksAgain;
        _lanes = Task.WhenAll(lanes.Select(lane => Task.Run(() => RunAsync(lane))).ToList());
    }

    public int Answers => _answers;

    public int Losses => _losses.Values.Sum();

    /// <param name="wire">To the server, or to the proxy before several.</param>
    /// <param name="asksAgain">A 503 is no loss, but asked again.</param>
    public static async Task<Campaign> StartAsync(Wire wire, bool asksAgain = false)
    {
        var client = await Client.RegisterForPeopleAsync(wire);
        var cookie = (await Browser.AllowAsync(client)).Cookie;
        var lanes = new List<Func<Task>>();
        for (var chain = 0; chain < Chains; chain++)
        {
            var answer = (await client.TryRedeemAsync(await client.CodeAsync(cookie))).MustBe(200);
            var (refresh, access) = (answer.Member("refresh_token"), answer.Member("access_token"));
            lanes.Add(async () => refresh = (await client.TryRefreshAsync(refresh)).MustBe(200).Member("refresh_token"));
            lanes.Add(async () => (await wire.PostJsonAsync("/mcp", Call, "Bearer " + access)).MustBe(200));
        }

        lanes.Add(() => Client.RegisterForPeopleAsync(wire));
        return new Campaign(lanes, asksAgain);
    }

    /// <summary>Waits until so many more requests were answered.</summary>
    public async Task AnswerAsync(int more)
    {
        for (var until = _answers + more; Volatile.Read(ref _answers) < until && !_ending.IsCancellationRequested;)
        {
            await Task.Delay(20);
        }
    }

    /// <returns>The exit code: 0 where nothing was lost.</returns>
    public async Task<int> ReportAsync(string what)
    {
        await DisposeAsync();
        Console.WriteLine($"{what}: {_answers} answers, {(_asksAgain ? $"{_unavailable} times 503 and asked again, " : "")}{Losses} lost; the longest wait {TimeSpan.FromTicks(_longest).TotalSeconds:N1} s");
        foreach (var (loss, count) in _losses.OrderByDescending(loss => loss.Value))
        {
            Console.WriteLine($"  {count} x {loss}");
        }

        return Losses == 0 ? 0 : 1;
    }

    public async ValueTask DisposeAsync()
    {
        await _ending.CancelAsync();
        await _lanes;
    }

    private static readonly byte[] Call = """{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"ping","arguments":{}}}"""u8.ToArray();

    private async Task RunAsync(Func<Task> request)
    {
        while (!_ending.IsCancellationRequested)
        {
            var clock = Stopwatch.StartNew();
            try
            {
                await request();
                Interlocked.Increment(ref _answers);
            }
            catch (WrongAnswerException exception) when (_asksAgain && exception.Status == 503)
            {
                Interlocked.Increment(ref _unavailable);
                await Task.Delay(200);
            }
            catch (Exception exception) when (exception is WrongAnswerException or HttpRequestException)
            {
                _losses.AddOrUpdate(exception.Message.Length > 120 ? exception.Message[..120] : exception.Message, 1, (_, count) => count + 1);
            }

            for (var known = Volatile.Read(ref _longest); clock.Elapsed.Ticks > known; known = Volatile.Read(ref _longest))
            {
                Interlocked.CompareExchange(ref _longest, clock.Elapsed.Ticks, known);
            }
        }
    }
}
