using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace McpIdentity.Mcp.Limits;

/// <summary>
/// Counts on this node, in bounded memory: at most <see cref="MaxKeys"/> counts of about a hundred bytes, however many
/// addresses ask. The framework's limiters (System.Threading.RateLimiting) read no <see cref="TimeProvider"/>, and
/// their number has no upper bound (docs/decisions/0006).
/// </summary>
internal sealed class MemoryRateCounter(TimeProvider time) : IMcpRateCounter
{
    private const int Shards = 16;
    private const int MaxKeysOfShard = 16 * 1024;

    /// <summary>How many counts are kept at once.</summary>
    public const int MaxKeys = Shards * MaxKeysOfShard;

    private readonly Shard[] _shards = [.. Enumerable.Range(0, Shards).Select(_ => new Shard())];

    /// <inheritdoc/>
    public ValueTask<RateCount> CountAsync(string key, TimeSpan window)
    {
        ArgumentNullException.ThrowIfNull(key);
        var length = (long)(window.TotalSeconds * time.TimestampFrequency);
        var (used, left) = _shards[(uint)key.GetHashCode(StringComparison.Ordinal) % Shards].Count(key, time.GetTimestamp(), length);
        return new(new RateCount(used, TimeSpan.FromSeconds((double)left / time.TimestampFrequency)));
    }

    private sealed class Shard
    {
        private readonly Lock _lock = new();
        private readonly Dictionary<string, Entry> _entries = new(StringComparer.Ordinal);
        private long _nextSweep;

        public (int Used, long Left) Count(string key, long now, long length)
        {
            lock (_lock)
            {
                if (now >= _nextSweep)
                {
                    RemoveEnded(now);
                    _nextSweep = now + length;
                }

                ref var entry = ref CollectionsMarshal.GetValueRefOrNullRef(_entries, key);
                if (Unsafe.IsNullRef(ref entry))
                {
                    MakeRoom(now);
                    _entries.Add(key, new Entry(1, now + length));
                    return (1, length);
                }

                entry = now < entry.Ends ? entry with { Used = entry.Used + 1 } : new Entry(1, now + length);
                return (entry.Used, entry.Ends - now);
            }
        }

        private void MakeRoom(long now)
        {
            if (_entries.Count < MaxKeysOfShard)
            {
                return;
            }

            RemoveEnded(now);
            if (_entries.Count >= MaxKeysOfShard)
            {
                // Whoever has so many addresses may begin anew with each of them anyway; nobody else is refused for it.
                _entries.Clear();
            }
        }

        private void RemoveEnded(long now)
        {
            foreach (var (key, entry) in _entries)
            {
                if (now >= entry.Ends)
                {
                    _entries.Remove(key);
                }
            }
        }
    }

    private readonly record struct Entry(int Used, long Ends);
}
