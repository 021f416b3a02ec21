using System.Net;
using System.Threading.RateLimiting;
using Microsoft.Extensions.Http.Resilience;
using Polly;
using Polly.CircuitBreaker;
using Polly.Timeout;

namespace McpIdentity.Server.Gateway;

/// <summary>
/// The connections to one server behind this one, and what keeps a slow or dead one from harming others: a time until it begins to
/// answer, a breaker, and a bound for the calls under way.
/// </summary>
internal sealed partial class UpstreamConnection : IDisposable
{
    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(10);

    private readonly CircuitBreakerStateProvider _breaker = new();
    private readonly Places _calls;
    private readonly Places _streams;
    private readonly TimeSpan _timeout;
    private ITimer? _ending;

    public UpstreamConnection(FrontedServer server, TimeProvider time, ILogger<UpstreamConnection> logger)
    {
        _timeout = server.Options.Timeout;
        _calls = new Places(server.Options.MaxConcurrentCalls, server.Options.MaxCallsPerCaller);
        _streams = new Places(server.Options.MaxConcurrentStreams, server.Options.MaxStreamsPerCaller);
        var pipeline = new ResiliencePipelineBuilder<HttpResponseMessage> { TimeProvider = time }
            .AddCircuitBreaker(new CircuitBreakerStrategyOptions<HttpResponseMessage>
            {
                StateProvider = _breaker,
                FailureRatio = 0.5,
                MinimumThroughput = 8,
                SamplingDuration = TimeSpan.FromSeconds(30),
                BreakDuration = BreakDuration,
                // What a single call may cause, as an error in what it asked for, says nothing of the server.
                ShouldHandle = outcome => ValueTask.FromResult(outcome.Outcome switch
                {
                    { Exception: OperationCanceledException } => !outcome.Context.CancellationToken.IsCancellationRequested, // else the caller has gone
                    { Exception: not null } => true,
                    { Result.StatusCode: HttpStatusCode.BadGateway or HttpStatusCode.ServiceUnavailable or HttpStatusCode.GatewayTimeout } => true,
                    _ => false,
                }),
                OnOpened = outcome =>
                {
                    BrokenAt = time.GetUtcNow();
                    LastFailure = outcome.Outcome.Exception is { } exception ? exception.GetBaseException().Message : $"it answered {(int)outcome.Outcome.Result!.StatusCode}";
                    Broken(logger, server.Name, LastFailure, BreakDuration.TotalSeconds);
                    return default;
                },
                OnClosed = _ =>
                {
                    (BrokenAt, LastFailure) = (null, null);
                    Mended(logger, server.Name);
                    return default;
                },
            })
            .AddTimeout(new TimeoutStrategyOptions { Timeout = server.Options.Timeout })
            .Build();

        var handler = CreateHandler();
        Calls = new HttpMessageInvoker(new ResilienceHandler(pipeline) { InnerHandler = handler });
        // A stream may wait for its first news as long as it likes.
        Streams = new HttpMessageInvoker(handler, disposeHandler: false);
    }

    public static TimeSpan BreakDuration { get; } = TimeSpan.FromSeconds(15);

    public HttpMessageInvoker Calls { get; }

    public HttpMessageInvoker Streams { get; }

    /// <summary>Whether it is left alone for now, because it failed too often.</summary>
    public bool IsBroken => _breaker.CircuitState is CircuitState.Open or CircuitState.Isolated;

    /// <summary>Why the breaker has opened last; null where it is closed.</summary>
    public string? LastFailure { get; private set; }

    /// <summary>When it has; null where it is closed.</summary>
    public DateTimeOffset? BrokenAt { get; private set; }

    /// <summary>How many calls more it is given at once.</summary>
    public long FreeCalls => _calls.Free;

    /// <summary>How many streams more.</summary>
    public long FreeStreams => _streams.Free;

    /// <summary>A place among the calls or streams under way, to be given back; <see cref="RateLimitLease.IsAcquired"/> says whether there was one.</summary>
    /// <param name="isStream">Whether it waits for news.</param>
    /// <param name="caller">Whose it is: nobody takes all places.</param>
    /// <exception cref="ObjectDisposedException">The server is gone.</exception>
    public RateLimitLease Enter(bool isStream, string caller) => (isStream ? _streams : _calls).Enter(caller);

    /// <summary>The server is gone, or is another now: calls under way have the time that any call has, then their connections are closed.</summary>
    public void DisposeAfterCalls(TimeProvider time) => _ending = time.CreateTimer(_ => Dispose(), null, _timeout, Timeout.InfiniteTimeSpan);

    public void Dispose()
    {
        _ending?.Dispose();
        Streams.Dispose();
        Calls.Dispose();
        _calls.Dispose();
        _streams.Dispose();
    }

    /// <summary>Connections that go through no breaker.</summary>
    public static SocketsHttpHandler CreateHandler() => new()
    {
        // What it answers is for our caller to read, and not for us to follow, keep or unpack.
        AllowAutoRedirect = false,
        UseCookies = false,
        AutomaticDecompression = DecompressionMethods.None,
        UseProxy = false,
        ConnectTimeout = ConnectTimeout,
        PooledConnectionLifetime = TimeSpan.FromMinutes(5), // its name may lead elsewhere by then
        EnableMultipleHttp2Connections = true,
        MaxResponseHeadersLength = 64,
        ActivityHeadersPropagator = null, // it would send on the caller's baggage; the trace goes on by itself (UpstreamExchange)
    };

    [LoggerMessage(5001, LogLevel.Warning, "The MCP server '{Server}' failed too often ({Failure}); it is left alone for {Seconds} s.")]
    private static partial void Broken(ILogger logger, string server, string failure, double seconds);

    [LoggerMessage(5002, LogLevel.Information, "The MCP server '{Server}' answers again.")]
    private static partial void Mended(ILogger logger, string server);

    /// <summary>So many at once, and of one caller so many among them.</summary>
    private sealed class Places : IDisposable
    {
        private readonly PartitionedRateLimiter<string> _all;
        private readonly PartitionedRateLimiter<string> _ofOne;
        private readonly PartitionedRateLimiter<string> _both;

        public Places(int all, int ofOne)
        {
            (_all, _ofOne) = (Limited(_ => "", all), Limited(caller => caller, ofOne));
            _both = PartitionedRateLimiter.CreateChained(_all, _ofOne);
        }

        public long Free => _all.GetStatistics("")!.CurrentAvailablePermits;

        public RateLimitLease Enter(string caller) => _both.AttemptAcquire(caller);

        // What is chained is not disposed with the chain, and each keeps a timer.
        public void Dispose()
        {
            _both.Dispose();
            _all.Dispose();
            _ofOne.Dispose();
        }

        private static PartitionedRateLimiter<string> Limited(Func<string, string> key, int places) => PartitionedRateLimiter.Create<string, string>(
            caller => RateLimitPartition.GetConcurrencyLimiter(key(caller), _ => new ConcurrencyLimiterOptions { PermitLimit = places, QueueLimit = 0 }));
    }
}
