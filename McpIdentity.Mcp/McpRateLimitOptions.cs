namespace McpIdentity.Mcp;

/// <summary>How many requests are answered in a window: the section <c>Mcp:RateLimiting</c>.</summary>
public sealed class McpRateLimitOptions
{
    /// <summary>Unset: on in Production.</summary>
    public bool? Enabled { get; set; }

    /// <summary>The length of a window in milliseconds; it begins with the first request of whoever is counted.</summary>
    public int WindowMs { get; set; } = 60_000;

    /// <summary>Requests to the MCP endpoint in a window: of one subject where a token names it, else of one address.</summary>
    public int MaxRequests { get; set; } = 100;

    /// <summary>Tool calls among them.</summary>
    public int MaxToolCalls { get; set; } = 50;

    /// <summary>
    /// Networks from which hosted clients send the requests of all their people, such as <c>192.0.2.0/24</c>: an address there may do
    /// what a hundred others may. Limits of people and grants hold there as everywhere.
    /// </summary>
    public IList<string> SharedNetworks { get; } = [];
}
