using Microsoft.Extensions.Logging;
using Microsoft.IdentityModel.Tokens;

namespace McpIdentity.Mcp.Credentials;

/// <summary>
/// Keys that an issuer publishes, remembered. IdentityModel's ConfigurationManager refreshes behind the caller's back, so that
/// the first token of a new key would be refused; here the one who meets the new key waits for it. Tokens with invented key ids
/// cause one fetch a <see cref="Pause"/>, and an issuer that is down leaves the known keys in force.
/// </summary>
internal sealed partial class PublishedKeys(
    string issuer, Func<CancellationToken, Task<IReadOnlyList<SecurityKey>>> fetch, TimeProvider time, ILogger logger) : IKeySource
{
    public static readonly TimeSpan Pause = TimeSpan.FromSeconds(30);

    /// <summary>Known keys older than this are read again behind the callers' backs.</summary>
    public static readonly TimeSpan RefreshAge = TimeSpan.FromMinutes(10);

    /// <summary>Known keys older than this are not used before a try to read them again: a key that its issuer has ended goes within this time.</summary>
    public static readonly TimeSpan MaxAge = 2 * RefreshAge;

    private static readonly TimeSpan FetchTimeout = TimeSpan.FromSeconds(5);

    private readonly Lock _lock = new();
    private volatile Snapshot? _known;
    private Task _fetch = Task.CompletedTask;
    private long _lastTry = long.MinValue;

    public async ValueTask<IReadOnlyList<SecurityKey>?> GetAsync(string? keyId, CancellationToken cancellationToken)
    {
        if (_known is { } known && Serves(known, keyId))
        {
            if (Now - known.At >= RefreshAge.Ticks)
            {
                _ = OneFetch();
            }

            return known.Keys;
        }

        await OneFetch().WaitAsync(cancellationToken);
        return _known?.Keys;
    }

    // Everybody who misses a key waits for the same fetch; who comes within the pause gets what is known.
    private Task OneFetch()
    {
        lock (_lock)
        {
            if (_fetch.IsCompleted && (_lastTry == long.MinValue || Now - _lastTry >= Pause.Ticks))
            {
                _lastTry = Now;
                _fetch = FetchAsync();
            }

            return _fetch;
        }
    }

    private long Now => time.GetUtcNow().UtcTicks;

    private bool Serves(Snapshot known, string? keyId) =>
        Now - known.At < MaxAge.Ticks && (keyId is null || known.Keys.Any(key => key.KeyId == keyId));

    private async Task FetchAsync()
    {
        try
        {
            // The fetch serves everybody who waits: it does not end because one of them hangs up.
            using var timeout = new CancellationTokenSource(FetchTimeout);
            _known = new Snapshot(await fetch(timeout.Token), Now);
            KeysRead(issuer, _known.Keys.Count);
        }
        catch (Exception exception) when (exception is not OutOfMemoryException)
        {
            KeysNotRead(exception, issuer);
        }
    }

    [LoggerMessage(3101, LogLevel.Information, "Read {Count} keys of the token issuer {Issuer}.")]
    private partial void KeysRead(string issuer, int count);

    [LoggerMessage(3102, LogLevel.Warning, "The keys of the token issuer {Issuer} could not be read; known keys stay in force.")]
    private partial void KeysNotRead(Exception exception, string issuer);

    private sealed record Snapshot(IReadOnlyList<SecurityKey> Keys, long At);
}
