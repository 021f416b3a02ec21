using System.Globalization;
using System.Runtime.InteropServices;
using McpIdentity.Mcp.Audit;

namespace McpIdentity.Server.Audit;

/// <summary>
/// Calls that are let in come by the thousand and say little each: the first of a kind in a minute is written, and the others are
/// counted. A call costs a look into a dictionary.
/// </summary>
internal sealed class CallSums(TimeProvider time)
{
    /// <summary>Of one caller, so that who makes up names of tools takes nobody else's place.</summary>
    public const int MaxKindsOfOne = 200;

    private const int MaxKinds = 50_000;
    private const string Others = "others";

    private static readonly TimeSpan Window = TimeSpan.FromMinutes(1);

    private readonly Lock _lock = new();
    private readonly Dictionary<PassedCall, Sum> _sums = [];
    private readonly Dictionary<string, int> _kinds = new(StringComparer.Ordinal);

    /// <summary>Whether it is the first of its kind in its minute.</summary>
    public bool IsFirst(in PassedCall call)
    {
        var now = time.GetUtcNow();
        lock (_lock)
        {
            if (_sums.TryGetValue(call, out var sum))
            {
                sum.Add(now);
                return false;
            }

            // Beyond so many kinds the others of this caller share a sum, and beyond so many callers those of all: none of them is written in full.
            var kinds = _kinds.GetValueOrDefault(call.Who);
            if (kinds >= MaxKindsOfOne || _sums.Count >= MaxKinds)
            {
                var rest = _sums.Count >= MaxKinds ? new PassedCall(call.Event, Others, null, null) : call with { Resource = null, Server = null, Tool = Others };
                (_sums.TryGetValue(rest, out sum) ? sum : _sums[rest] = new Sum(now + Window, isRest: true)).Add(now);
                return false;
            }

            _sums.Add(call, new Sum(now + Window, isRest: false));
            _kinds[call.Who] = kinds + 1;
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
            ended.ForEach(pair => Remove(pair.Key, pair.Value));
            return [.. ended.Where(pair => pair.Value.More > 0).Select(pair => Total(pair.Key, pair.Value))];
        }
    }

    private void Remove(in PassedCall call, Sum sum)
    {
        _sums.Remove(call);
        if (!sum.IsRest && --CollectionsMarshal.GetValueRefOrAddDefault(_kinds, call.Who, out _) <= 0)
        {
            _kinds.Remove(call.Who);
        }
    }

    // At the moment of the last call, so that what came after it is after it in the audit too.
    private static SecurityEvent Total(PassedCall call, Sum sum) => SecurityEvent.Success(call.Event) with
    {
        Time = sum.Last,
        Count = sum.More,
        Reason = string.Create(CultureInfo.InvariantCulture, $"{sum.More} more within {Window.TotalSeconds:0} s"),
        ClientId = call.ClientId,
        Subject = call.Subject,
        GrantId = call.GrantId,
        Resource = call.Resource,
        Server = call.Server,
        Tool = call.Tool,
        Address = call.Subject is null && call.Who != Others ? call.Who : null,
    };

    private sealed class Sum(DateTimeOffset ends, bool isRest)
    {
        public DateTimeOffset Ends => ends;

        /// <summary>Of several kinds, for which there was no more room.</summary>
        public bool IsRest => isRest;

        public long More { get; private set; }

        public DateTimeOffset Last { get; private set; }

        public void Add(DateTimeOffset at) => (More, Last) = (More + 1, at);
    }
}
