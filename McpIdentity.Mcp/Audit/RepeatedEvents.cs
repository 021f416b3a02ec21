using System.Globalization;
using Microsoft.AspNetCore.Http;

namespace McpIdentity.Mcp.Audit;

/// <summary>
/// What one address is refused over and over is written some times in full and then summed: whoever asks a million times fills
/// no disk, and pushes nobody else's lines out of the log.
/// </summary>
internal sealed class RepeatedEvents(TimeProvider time)
{
    /// <summary>How many of a kind an address has in full in one window.</summary>
    public const int InFull = 20;

    /// <summary>A call without a caller.</summary>
    public const string Anonymous = "mcp_anonymous_access";

    private const int MaxSums = 10_000;

    private readonly Lock _lock = new();
    private readonly Dictionary<(string Event, string Peer), Sum> _sums = [];
    private long _nextEnd = long.MaxValue;

    /// <summary>How long is summed.</summary>
    public static TimeSpan Window { get; } = TimeSpan.FromMinutes(1);

    /// <summary>Whether the event is to be written in full; one that is not is in a sum later.</summary>
    /// <param name="e">What happened.</param>
    /// <param name="context">The request; null where nobody asked.</param>
    public bool Admits(SecurityEvent e, HttpContext? context)
    {
        if (context is null || !IsAnybodys(e))
        {
            return true;
        }

        var peer = Peer.Of(context);
        lock (_lock)
        {
            var now = time.GetUtcNow();
            // Beyond so many addresses all others share a sum.
            var key = (e.Event, _sums.Count < MaxSums || _sums.ContainsKey((e.Event, peer)) ? peer : "others");
            if (!_sums.TryGetValue(key, out var sum))
            {
                _sums.Add(key, sum = new Sum(now + Window));
                Volatile.Write(ref _nextEnd, Math.Min(_nextEnd, sum.Ends.UtcTicks));
            }

            if (++sum.Seen <= InFull)
            {
                return true;
            }

            sum.Last = e;
            return false;
        }
    }

    /// <summary>One event for each sum whose window is over; for all of them at the end.</summary>
    public IReadOnlyList<SecurityEvent> Take(bool all = false)
    {
        var now = time.GetUtcNow();
        if (!all && now.UtcTicks < Volatile.Read(ref _nextEnd))
        {
            return []; // asked with every call
        }

        lock (_lock)
        {
            var ended = _sums.Where(pair => all || now >= pair.Value.Ends).ToList();
            foreach (var (key, _) in ended)
            {
                _sums.Remove(key);
            }

            Volatile.Write(ref _nextEnd, _sums.Count > 0 ? _sums.Values.Min(sum => sum.Ends.UtcTicks) : long.MaxValue);
            return [.. ended.Where(pair => pair.Value.Last is not null).Select(pair => Total(pair.Key.Peer, pair.Value))];
        }
    }

    private static SecurityEvent Total(string peer, Sum sum)
    {
        var last = sum.Last!;
        var more = sum.Seen - InFull;
        return new SecurityEvent
        {
            Event = last.Event,
            Level = last.Level,
            Result = last.Result,
            Count = more,
            Reason = string.Create(CultureInfo.InvariantCulture, $"{more} more within {Window.TotalSeconds:0} s; the last: {last.Reason ?? last.Method}"),
            Address = peer,
        };
    }

    // Who has shown who they are is counted by the limits, and an alarm is never left out. Whose token is refused is nobody yet, though it says a name.
    private static bool IsAnybodys(SecurityEvent e) =>
        e.Level != SecurityLogLevel.Error && (e is { Subject: null, GrantId: null } || e.Event == "mcp_auth_failure") && (e.Result != "success" || e.Event is Anonymous or "authorize_started" or "sign_in_shown" or "sign_in_sent");

    private sealed class Sum(DateTimeOffset ends)
    {
        public DateTimeOffset Ends { get; } = ends;

        public long Seen { get; set; }

        public SecurityEvent? Last { get; set; }
    }
}
