using Microsoft.Extensions.Logging;
using Microsoft.IdentityModel.Tokens;

namespace McpIdentity.Mcp.IssuerKeys;

/// <summary>
/// What an issuer publishes with its keys, remembered. IdentityModel's ConfigurationManager refreshes behind the caller's back,
/// so that the first token of a new key would be refused; here the one who meets the new key waits for it. An issuer that is
/// down leaves what is known in force.
/// </summary>
/// <param name="issuer">For the log.</param>
/// <param name="fetch">Reads it; throws where it cannot be read.</param>
/// <param name="keysOf">Its keys.</param>
/// <param name="pause">
/// After a fetch that failed or brought no new key the next one waits as long: tokens with invented key ids cause one fetch in
/// that time. After one that did bring a new key it does not, because the issuer may change it once more.
/// </param>
/// <param name="time">The clock.</param>
/// <param name="logger">Where reading and failing is said.</param>
internal sealed partial class Published<T>(
    string issuer, Func<CancellationToken, Task<T>> fetch, Func<T, IEnumerable<SecurityKey>> keysOf, TimeSpan pause, TimeProvider time, ILogger logger)
    where T : class
{
    private readonly Lock _lock = new();
    private volatile Snapshot? _known;
    private volatile Exception? _failure;
    private Task _fetch = Task.CompletedTask;
    private long _pausedUntil = long.MinValue;

    /// <summary>Why the last fetch failed; null when it did not.</summary>
    public Exception? Failure => _failure;

    /// <returns>Null when nothing could be read yet.</returns>
    public async ValueTask<T?> GetAsync(CancellationToken cancellationToken)
    {
        if (_known is { } known)
        {
            var age = Now - known.At;
            // While the issuer does not answer, nobody waits for it who has something to go on with.
            if (age < PublishedKeys.MaxAge.Ticks || _failure is not null)
            {
                _ = age >= PublishedKeys.RefreshAge.Ticks ? OneFetch() : null;
                return known.Value;
            }
        }

        await OneFetch().WaitAsync(cancellationToken);
        return _known?.Value;
    }

    /// <summary>For whoever has met a signature that none of the keys has made.</summary>
    /// <returns>What is published now, or null when its keys are still the same.</returns>
    public async ValueTask<T?> GetNewerAsync(T tried, CancellationToken cancellationToken)
    {
        var before = _known;
        if (before is not null && !ReferenceEquals(before.Value, tried))
        {
            return before.Value; // somebody else has met it too
        }

        await OneFetch().WaitAsync(cancellationToken);
        return _known is { } now && now.Keys != before?.Keys ? now.Value : null;
    }

    // Everybody who misses a key waits for the same fetch; who comes within the pause gets what is known.
    private Task OneFetch()
    {
        lock (_lock)
        {
            if (_fetch.IsCompleted && Now >= _pausedUntil)
            {
                _pausedUntil = Now + pause.Ticks;
                _fetch = FetchAsync();
            }

            return _fetch;
        }
    }

    private long Now => time.GetUtcNow().UtcTicks;

    private async Task FetchAsync()
    {
        try
        {
            // The fetch serves everybody who waits: it does not end because one of them hangs up.
            using var timeout = new CancellationTokenSource(PublishedKeys.FetchTimeout);
            var value = await fetch(timeout.Token).WaitAsync(timeout.Token);
            var keys = string.Join(' ', keysOf(value).Select(key => key.KeyId + ':' + Base64UrlEncoder.Encode(key.ComputeJwkThumbprint())).Order(StringComparer.Ordinal));
            if (keys != _known?.Keys)
            {
                _pausedUntil = long.MinValue;
                KeysRead(issuer, keys.Split(' ').Length);
            }

            _known = new Snapshot(value, keys, Now);
            _failure = null;
        }
        catch (Exception exception) when (exception is not OutOfMemoryException)
        {
            _failure = exception;
            KeysNotRead(exception, issuer);
        }
    }

    [LoggerMessage(3101, LogLevel.Information, "Read {Count} keys of the token issuer {Issuer}.")]
    private partial void KeysRead(string issuer, int count);

    [LoggerMessage(3102, LogLevel.Warning, "The keys of the token issuer {Issuer} could not be read; known keys stay in force.")]
    private partial void KeysNotRead(Exception exception, string issuer);

    private sealed record Snapshot(T Value, string Keys, long At);
}
