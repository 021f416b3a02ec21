namespace McpIdentity.Mcp;

/// <summary>Counts requests in windows. A host with several nodes brings one that they share; without it each node counts for itself.</summary>
public interface IMcpRateCounter
{
    /// <summary>Counts one request more. Never fails: what cannot be counted in one place is counted in another.</summary>
    /// <param name="key">What is limited, and for whom.</param>
    /// <param name="window">How long the count lasts that this request may begin.</param>
    ValueTask<RateCount> CountAsync(string key, TimeSpan window);
}

/// <summary>Where a count stands.</summary>
/// <param name="Used">The requests of this window, this one included.</param>
/// <param name="ResetsIn">Until the count begins anew.</param>
public readonly record struct RateCount(long Used, TimeSpan ResetsIn);
