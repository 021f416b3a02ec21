namespace McpIdentity.Server.Hosting;

/// <summary>Says once, and not for every request, that a proxy stands before us which is not believed (SEED-088).</summary>
internal sealed partial class ProxyWarnings(ILogger<ProxyWarnings> logger)
{
    private int _said;

    /// <summary>What was said, for whoever asks later (<c>proxy.trust</c>); null: nothing.</summary>
    public string? Seen { get; private set; }

    public void ProxyIsNotTrusted(IHeaderDictionary headers)
    {
        if (_said == 0 && IsForwarded(headers) && Interlocked.Exchange(ref _said, 1) == 0)
        {
            Seen = "X-Forwarded-* headers arrive and are ignored: Server:TrustProxy is off";
            NotTrusted();
        }
    }

    public void ProxyIsNotKnown(HttpContext context)
    {
        if (_said == 0 && IsForwarded(context.Request.Headers) && Interlocked.Exchange(ref _said, 1) == 0)
        {
            Seen = $"X-Forwarded-* headers from {context.Connection.RemoteIpAddress} are ignored: it is in neither Server:KnownProxies nor Server:KnownNetworks";
            NotKnown(context.Connection.RemoteIpAddress);
        }
    }

    private static bool IsForwarded(IHeaderDictionary headers) =>
        headers.ContainsKey("X-Forwarded-For") || headers.ContainsKey("X-Forwarded-Proto") || headers.ContainsKey("X-Forwarded-Host");

    [LoggerMessage(1402, LogLevel.Warning,
        "X-Forwarded-* headers arrive and are ignored. If this server is behind a reverse proxy or a tunnel, set TRUST_PROXY=true (Server:TrustProxy).")]
    private partial void NotTrusted();

    [LoggerMessage(1403, LogLevel.Warning,
        "X-Forwarded-* headers from {Address} are ignored: it is in neither Server:KnownProxies nor Server:KnownNetworks.")]
    private partial void NotKnown(System.Net.IPAddress? address);
}
