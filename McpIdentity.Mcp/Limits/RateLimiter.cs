using System.Globalization;
using System.Net;
using McpIdentity.Mcp.Audit;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;

namespace McpIdentity.Mcp.Limits;

/// <summary>One thing that is limited.</summary>
/// <param name="Bucket">Its name.</param>
/// <param name="Who">Whose requests are counted together (<see cref="RateKeys"/>).</param>
/// <param name="Max">How many of them a window answers.</param>
internal readonly record struct RateLimit(string Bucket, string Who, int Max)
{
    public string Key => $"{Bucket}:{Who}";
}

/// <summary>Decides whether a request is one too many, and says so in headers and in the security log. The answer's body is the caller's.</summary>
internal sealed class RateLimiter(IOptions<McpOptions> options, IMcpRateCounter counter, SecurityLog log, SecuritySignals signals, TimeProvider time)
{
    private const int PeopleOfSharedAddress = 100;

    private readonly TimeSpan _window = TimeSpan.FromMilliseconds(options.Value.RateLimiting.WindowMs);
    private readonly RefusedKeys _refused = new(time);
    private readonly IPNetwork[] _shared = [.. options.Value.RateLimiting.SharedNetworks.Select(network => IPNetwork.Parse(network))];

    /// <summary>Whether anything is limited.</summary>
    public bool IsOn { get; } = options.Value.RateLimiting.Enabled == true;

    /// <summary>The limit of the address that a request comes from.</summary>
    /// <param name="context">The request.</param>
    /// <param name="bucket">Its name.</param>
    /// <param name="max">How many requests of an address that is not shared.</param>
    public RateLimit OfPeer(HttpContext context, string bucket, int max) => new(bucket, RateKeys.OfPeer(context), MaxOfPeer(context, max));

    /// <summary>How many requests of an address are answered, where it is known to be that of many people.</summary>
    /// <inheritdoc cref="OfPeer" path="/param"/>
    public int MaxOfPeer(HttpContext context, int max)
    {
        ArgumentNullException.ThrowIfNull(context);
        var address = context.Connection.RemoteIpAddress;
        var isShared = address is not null && Array.Exists(_shared, network => network.Contains(address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address));
        return isShared ? (int)Math.Min((long)max * PeopleOfSharedAddress, int.MaxValue) : max;
    }

    /// <summary>
    /// Whether a count has refused this caller already and its window goes on: asked before a request is read, parsed or
    /// verified, so that who is over a limit costs nothing. Counts nothing.
    /// </summary>
    /// <inheritdoc cref="CheckAsync" path="/param|/returns"/>
    public int? Recall(HttpContext context, SecurityEvent about, RateLimit limit) =>
        _refused.Find(limit.Key) is { } left ? Refuse(context, about, limit, new RateCount(limit.Max + 2, left)) : null;

    /// <summary>Counts the request for each of the limits.</summary>
    /// <param name="context">The request.</param>
    /// <param name="about">What the security log shall say of a refusal besides the limit.</param>
    /// <param name="limits">At least one.</param>
    /// <returns>Null, or the seconds after which to come again: the answer is then 429 (RFC 6585 §4).</returns>
    public async ValueTask<int?> CheckAsync(HttpContext context, SecurityEvent about, params RateLimit[] limits)
    {
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(about);
        ArgumentNullException.ThrowIfNull(limits);
        var (nearest, count) = (await CountAsync(limits)).MinBy(pair => pair.Limit.Max - pair.Count.Used);
        if (count.Used > nearest.Max)
        {
            return Refuse(context, about, nearest, count);
        }

        WriteHeaders(context.Response.Headers, nearest, count);
        return null;
    }

    /// <summary>Counts what was answered already; who is over a limit by it is refused the next time.</summary>
    public async ValueTask<IEnumerable<(RateLimit Limit, RateCount Count)>> CountAsync(params RateLimit[] limits)
    {
        // Asked together, so that a counter over the network is waited for once.
        var counts = await Task.WhenAll(Array.ConvertAll(limits, limit => counter.CountAsync(limit.Key, _window).AsTask()));
        foreach (var (limit, count) in limits.Zip(counts).Where(pair => pair.Second.Used > pair.First.Max))
        {
            _refused.Add(limit.Key, count.ResetsIn);
        }

        return limits.Zip(counts);
    }

    private int Refuse(HttpContext context, SecurityEvent about, RateLimit limit, RateCount count)
    {
        WriteHeaders(context.Response.Headers, limit, count);
        signals.Limited(limit.Bucket);
        // The first of a window tells everything; a flood must not push the rest out of the log.
        log.Write(context, about with
        {
            Event = "rate_limited",
            Result = "failure",
            Level = count.Used == limit.Max + 1 ? SecurityLogLevel.Warn : SecurityLogLevel.Debug,
            Reason = $"more than {limit.Max} requests of '{limit.Bucket}' in {options.Value.RateLimiting.WindowMs} ms by {limit.Who}",
        });
        var seconds = SecondsOf(count);
        context.Response.Headers.RetryAfter = seconds.ToString(CultureInfo.InvariantCulture);
        return seconds;
    }

    private void WriteHeaders(IHeaderDictionary headers, RateLimit limit, RateCount count)
    {
        headers["RateLimit-Limit"] = limit.Max.ToString(CultureInfo.InvariantCulture);
        headers["RateLimit-Remaining"] = Math.Max(0, limit.Max - count.Used).ToString(CultureInfo.InvariantCulture);
        headers["RateLimit-Reset"] = SecondsOf(count).ToString(CultureInfo.InvariantCulture);
    }

    // At least a second, and not more than the window in whole seconds.
    private int SecondsOf(RateCount count) => (int)Math.Clamp(Math.Ceiling(count.ResetsIn.TotalSeconds), 1, Math.Max(1, Math.Ceiling(_window.TotalSeconds)));
}
