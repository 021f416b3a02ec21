using System.Threading.RateLimiting;
using McpIdentity.Server.Outbound;
using McpIdentity.Server.Settings;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Clients.Documents;

/// <summary>
/// How many URLs that strangers chose are read: of one host, of all that nobody uses yet, and at once. A server that reads
/// whatever is asked of it would be a cannon to point at others.
/// </summary>
internal sealed class FetchBudgets(IOptions<OAuthServerOptions> options) : IDisposable
{
    private const int AtOnce = 16;

    private static readonly TimeSpan Window = TimeSpan.FromMinutes(1);

    private readonly PartitionedRateLimiter<string> _hosts = PartitionedRateLimiter.Create<string, string>(host =>
        RateLimitPartition.GetFixedWindowLimiter(host, _ => Within(options.Value.ClientDocuments.FetchesPerHost)), StringComparer.Ordinal);

    private readonly FixedWindowRateLimiter _unknown = new(Within(options.Value.ClientDocuments.FetchesOfUnknown));
    private readonly ConcurrencyLimiter _atOnce = new(new ConcurrencyLimiterOptions { PermitLimit = AtOnce });

    /// <param name="host">Of the URL.</param>
    /// <param name="isKnown">Somebody uses the client: it is not kept from being read by strangers' requests for others.</param>
    /// <returns>To be disposed when the URL was read.</returns>
    /// <exception cref="GuardedHttpException">The budget is spent.</exception>
    public IDisposable Take(string host, bool isKnown)
    {
        using var ofHost = _hosts.AttemptAcquire(host);
        if (!ofHost.IsAcquired)
        {
            throw new GuardedHttpException($"{host} has been asked too often within a minute");
        }

        using var ofUnknown = isKnown ? null : _unknown.AttemptAcquire();
        var atOnce = _atOnce.AttemptAcquire();
        if (ofUnknown is { IsAcquired: false } || !atOnce.IsAcquired)
        {
            atOnce.Dispose();
            throw new GuardedHttpException("too many documents of unknown clients have been asked for within a minute");
        }

        return atOnce;
    }

    public void Dispose()
    {
        _hosts.Dispose();
        _unknown.Dispose();
        _atOnce.Dispose();
    }

    private static FixedWindowRateLimiterOptions Within(int permits) => new() { PermitLimit = permits, Window = Window };
}
