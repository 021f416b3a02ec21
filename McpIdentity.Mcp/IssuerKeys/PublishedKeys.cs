using Microsoft.Extensions.Logging;
using Microsoft.IdentityModel.Tokens;

namespace McpIdentity.Mcp.IssuerKeys;

/// <summary>Keys that an issuer publishes.</summary>
internal sealed class PublishedKeys(
    string issuer, Func<CancellationToken, Task<IReadOnlyList<SecurityKey>>> fetch, TimeProvider time, ILogger logger) : IKeySource
{
    /// <summary>Between two fetches that bring nothing new.</summary>
    public static readonly TimeSpan Pause = TimeSpan.FromSeconds(30);

    /// <summary>Known keys older than this are read again behind the callers' backs.</summary>
    public static readonly TimeSpan RefreshAge = TimeSpan.FromMinutes(10);

    /// <summary>Known keys older than this are not used before a try to read them again: a key that its issuer has ended goes within this time.</summary>
    public static readonly TimeSpan MaxAge = 2 * RefreshAge;

    /// <summary>How long an issuer may take.</summary>
    public static readonly TimeSpan FetchTimeout = TimeSpan.FromSeconds(5);

    private readonly Published<IReadOnlyList<SecurityKey>> _keys = new(issuer, fetch, keys => keys, Pause, time, logger);

    public ValueTask<IReadOnlyList<SecurityKey>?> GetAsync(CancellationToken cancellationToken) => _keys.GetAsync(cancellationToken);

    public ValueTask<IReadOnlyList<SecurityKey>?> GetNewerAsync(IReadOnlyList<SecurityKey> tried, CancellationToken cancellationToken) =>
        _keys.GetNewerAsync(tried, cancellationToken);
}
