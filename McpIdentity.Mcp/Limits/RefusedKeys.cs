using System.Collections.Concurrent;

namespace McpIdentity.Mcp.Limits;

/// <summary>
/// Whom a count has refused, until its window ends: known to this node before anything of a request is read, and without
/// asking a counter over the network.
/// </summary>
internal sealed class RefusedKeys(TimeProvider time)
{
    private const int MaxKeys = 16 * 1024;

    private readonly ConcurrentDictionary<string, long> _ends = new(StringComparer.Ordinal);

    public void Add(string key, TimeSpan resetsIn)
    {
        if (_ends.Count >= MaxKeys)
        {
            foreach (var (known, ends) in _ends)
            {
                if (time.GetTimestamp() >= ends)
                {
                    _ends.TryRemove(known, out _);
                }
            }

            if (_ends.Count >= MaxKeys)
            {
                _ends.Clear(); // they are counted, and refused, a moment later
            }
        }

        _ends[key] = time.GetTimestamp() + (long)(resetsIn.TotalSeconds * time.TimestampFrequency);
    }

    /// <returns>How long it is still refused; null when it is not.</returns>
    public TimeSpan? Find(string key)
    {
        if (!_ends.TryGetValue(key, out var ends))
        {
            return null;
        }

        var left = time.GetElapsedTime(time.GetTimestamp(), ends);
        if (left > TimeSpan.Zero)
        {
            return left;
        }

        _ends.TryRemove(key, out _);
        return null;
    }
}
