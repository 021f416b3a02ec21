using System.Net;
using System.Threading.RateLimiting;
using McpIdentity.Server.Outbound;
using McpIdentity.Server.Settings;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Clients.Documents;

/// <summary>
/// How many URLs that strangers chose are read: of one host, for one address, of all that nobody uses yet, and at once. A server that reads
/// whatever is asked of it would be a cannon to point at others.
/// </summary>
internal sealed class FetchBudgets(IOptions<OAuthServerOptions> options) : IDisposable
{
    private const int AtOnce = 16;

    private static readonly TimeSpan Window = TimeSpan.FromMinutes(1);

    private readonly PartitionedRateLimiter<(string Host, bool IsKnown)> _hosts = PartitionedRateLimiter.Create<(string, bool), (string, bool)>(
        host => RateLimitPartition.GetFixedWindowLimiter(host, _ => Within(options.Value.ClientDocuments.FetchesPerHost)));

    // No one address can spend what is there for all.
    private readonly PartitionedRateLimiter<IPAddress> _callers = PartitionedRateLimiter.Create<IPAddress, IPAddress>(
        caller => RateLimitPartition.GetFixedWindowLimiter(caller, _ => Within((options.Value.ClientDocuments.FetchesPerHost + 1) / 2)));

    private readonly FixedWindowRateLimiter _unknown = new(Within(options.Value.ClientDocuments.FetchesOfUnknown));
    private readonly ConcurrencyLimiter _unknownAtOnce = new(new ConcurrencyLimiterOptions { PermitLimit = AtOnce });
    private readonly ConcurrencyLimiter _knownAtOnce = new(new ConcurrencyLimiterOptions { PermitLimit = AtOnce });

    /// <param name="host">Of the URL.</param>
    /// <param name="isKnown">Somebody uses the client: what is read for it is counted apart, so that strangers' requests do not keep it from being read.</param>
    /// <param name="caller">Whose request it is, where it is for a client that nobody uses yet.</param>
    /// <returns>To be disposed when the URL was read.</returns>
    /// <exception cref="GuardedHttpException">The budget is spent.</exception>
    public IDisposable Take(string host, bool isKnown, IPAddress? caller = null)
    {
        using var ofCaller = isKnown || caller is null ? null : _callers.AttemptAcquire(caller);
        if (ofCaller is { IsAcquired: false })
        {
            throw new GuardedHttpException("too many documents have been asked for from one address within a minute");
        }

        using var ofHost = _hosts.AttemptAcquire((host, isKnown));
        if (!ofHost.IsAcquired)
        {
            throw new GuardedHttpException($"{host} has been asked too often within a minute");
        }

        using var ofUnknown = isKnown ? null : _unknown.AttemptAcquire();
        var atOnce = (isKnown ? _knownAtOnce : _unknownAtOnce).AttemptAcquire();
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
        _callers.Dispose();
        _unknown.Dispose();
        _unknownAtOnce.Dispose();
        _knownAtOnce.Dispose();
    }

    private static FixedWindowRateLimiterOptions Within(int permits) => new() { PermitLimit = permits, Window = Window };
}
