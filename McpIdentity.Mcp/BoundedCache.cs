using Microsoft.Extensions.Caching.Memory;
using Microsoft.Extensions.Internal;

namespace McpIdentity.Mcp;

/// <summary>
/// Caches that hold so many entries at most (of <c>Size</c> 1 each), which grow old by the server's clock: .NET's own take the machine's,
/// which no test can move.
/// </summary>
internal static class BoundedCache
{
    public static MemoryCache Of(int entries, TimeProvider time) => new(new MemoryCacheOptions { SizeLimit = entries, Clock = new Clock(time) });

    private sealed class Clock(TimeProvider time) : ISystemClock
    {
        public DateTimeOffset UtcNow => time.GetUtcNow();
    }
}
