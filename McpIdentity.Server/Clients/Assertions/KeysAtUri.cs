using McpIdentity.Mcp.IssuerKeys;
using Microsoft.IdentityModel.Tokens;

namespace McpIdentity.Server.Clients.Assertions;

/// <summary>What one request knows of the keys at a client's <c>jwks_uri</c>.</summary>
/// <param name="all">Reads them.</param>
/// <param name="time">The clock.</param>
/// <param name="clientId">Whose they are.</param>
/// <param name="uri">Where they are.</param>
/// <param name="stored">Those that were read before.</param>
internal sealed class KeysAtUri(ClientKeys all, TimeProvider time, string clientId, string uri, KnownKeys? stored) : IKeySource
{
    private KnownKeys? _known = stored;

    /// <summary>There may be newer ones: a signature that none of these has made is not thereby wrong.</summary>
    public bool MayBeOutOfDate { get; private set; }

    public async ValueTask<IReadOnlyList<SecurityKey>?> GetAsync(CancellationToken cancellationToken)
    {
        var age = _known is null ? TimeSpan.MaxValue : time.GetUtcNow() - _known.ReadAt;
        if (age >= ClientKeys.MaxAge)
        {
            _known = await all.ReadOnceAsync(clientId, uri, _known).WaitAsync(cancellationToken) ?? (age < ClientKeys.MaxAgeOnError ? _known : null);
        }

        return _known?.Keys;
    }

    public async ValueTask<IReadOnlyList<SecurityKey>?> GetNewerAsync(IReadOnlyList<SecurityKey> tried, CancellationToken cancellationToken)
    {
        var read = await all.ReadOnceAsync(clientId, uri, _known).WaitAsync(cancellationToken);
        MayBeOutOfDate = read is null;
        return read is null || read.IsSameAs(_known) ? null : read.Keys;
    }
}

/// <summary>Keys, and when they were read.</summary>
internal sealed record KnownKeys(DateTimeOffset ReadAt, IReadOnlyList<SecurityKey> Keys)
{
    public bool IsSameAs(KnownKeys? other) => other is not null && Thumbprints(this).SetEquals(Thumbprints(other));

    private static HashSet<string> Thumbprints(KnownKeys known) => [.. known.Keys.Select(key => key.KeyId + ':' + Base64UrlEncoder.Encode(key.ComputeJwkThumbprint()))];
}
