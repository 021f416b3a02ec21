using System.Globalization;
using McpIdentity.Mcp.Audit;

namespace McpIdentity.Server.Audit;

/// <summary>
/// Calls that are let in come by the thousand and say little each: the first of a kind in a minute is written, and the others are
/// counted. A call costs a look into a dictionary.
/// </summary>
internal sealed class CallSums(TimeProvider time)
{
    private const int MaxKinds = 10_000;
    private const string Others = "others";

    private static readonly TimeSpan Window = TimeSpan.FromMinutes(1);

    private readonly Lock _lock = new();
    private readonly Dictionary<PassedCall, Sum> _sums = [];

    /// <summary>Whether it is the first of its kind in its minute.</summary>
    public bool IsFirst(in PassedCall call)
    {
        lock (_lock)
        {
            if (_sums.TryGetValue(call, out var sum))
            {
                sum.More++;
                return false;
            }

            // Beyond so many kinds all others of an event share a sum, and none of them is written in full.
            if (_sums.Count >= MaxKinds)
            {
                var rest = new PassedCall(call.Event, Others, null, null);
                (_sums.TryGetValue(rest, out sum) ? sum : _sums[rest] = new Sum(time.GetUtcNow() + Window)).More++;
                return false;
            }

            _sums.Add(call, new Sum(time.GetUtcNow() + Window));
            return true;
        }
    }

    /// <summary>A row for each kind whose minute is over, or for all at the end.</summary>
    public IReadOnlyList<SecurityEvent> Take(bool all)
    {
        var now = time.GetUtcNow();
        lock (_lock)
        {
            var ended = _sums.Where(pair => all || now >= pair.Value.Ends).ToList();
            ended.ForEach(pair => _sums.Remove(pair.Key));
            return [.. ended.Where(pair => pair.Value.More > 0).Select(pair => Total(pair.Key, pair.Value.More, now))];
        }
    }

    private static SecurityEvent Total(PassedCall call, long more, DateTimeOffset now) => SecurityEvent.Success(call.Event) with
    {
        Time = now,
        Count = more,
        Reason = string.Create(CultureInfo.InvariantCulture, $"{more} more within {Window.TotalSeconds:0} s"),
        ClientId = call.ClientId,
        Subject = call.Subject,
        GrantId = call.GrantId,
        Resource = call.Resource,
        Server = call.Server,
        Tool = call.Tool,
        Address = call.Subject is null && call.Who != Others ? call.Who : null,
    };

    private sealed class Sum(DateTimeOffset ends)
    {
        public DateTimeOffset Ends { get; } = ends;

        public long More { get; set; }
    }
}
