using System.Globalization;
using McpIdentity.Mcp.Audit;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;

namespace McpIdentity.Mcp.Limits;

/// <summary>One thing that is limited.</summary>
/// <param name="Bucket">Its name.</param>
/// <param name="Who">Whose requests are counted together (<see cref="RateKeys"/>).</param>
/// <param name="Max">How many of them a window answers.</param>
internal readonly record struct RateLimit(string Bucket, string Who, int Max);

/// <summary>Decides whether a request is one too many, and says so in headers and in the security log. The answer's body is the caller's.</summary>
internal sealed class RateLimiter(IOptions<McpOptions> options, IMcpRateCounter counter, SecurityLog log)
{
    private readonly TimeSpan _window = TimeSpan.FromMilliseconds(options.Value.RateLimiting.WindowMs);

    /// <summary>Whether anything is limited.</summary>
    public bool IsOn { get; } = options.Value.RateLimiting.Enabled == true;

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
        // Asked together, so that a counter over the network is waited for once.
        var counts = Array.ConvertAll(limits, limit => counter.CountAsync($"{limit.Bucket}:{limit.Who}", _window).AsTask());
        await Task.WhenAll(counts);
        var (nearest, count) = limits.Zip(counts, (limit, task) => (limit, task.Result)).MinBy(pair => pair.limit.Max - pair.Result.Used);

        // At least a second, and not more than the window in whole seconds.
        var seconds = (int)Math.Clamp(Math.Ceiling(count.ResetsIn.TotalSeconds), 1, Math.Max(1, Math.Ceiling(_window.TotalSeconds)));
        WriteHeaders(context.Response.Headers, nearest, count, seconds);
        if (count.Used <= nearest.Max)
        {
            return null;
        }

        // The first of a window tells everything; a flood must not push the rest out of the log.
        log.Write(context, about with
        {
            Event = "rate_limited",
            Result = "failure",
            Level = count.Used == nearest.Max + 1 ? SecurityLogLevel.Warn : SecurityLogLevel.Debug,
            Reason = $"more than {nearest.Max} requests of '{nearest.Bucket}' in {options.Value.RateLimiting.WindowMs} ms by {nearest.Who}",
        });
        context.Response.Headers.RetryAfter = seconds.ToString(CultureInfo.InvariantCulture);
        return seconds;
    }

    private static void WriteHeaders(IHeaderDictionary headers, RateLimit limit, RateCount count, int seconds)
    {
        headers["RateLimit-Limit"] = limit.Max.ToString(CultureInfo.InvariantCulture);
        headers["RateLimit-Remaining"] = Math.Max(0, limit.Max - count.Used).ToString(CultureInfo.InvariantCulture);
        headers["RateLimit-Reset"] = seconds.ToString(CultureInfo.InvariantCulture);
    }
}
