using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Caching.Memory;

namespace McpIdentity.Mcp.Credentials;

/// <summary>
/// Tokens whose checks have passed, so that a repeated call with one of our own costs a hash and not a signature, and the limits
/// know the caller before anything is read. The token itself is not kept. Whether its session lives and its key is still in
/// force is asked every time.
/// </summary>
/// <typeparam name="T">What was read of a token.</typeparam>
internal sealed class VerifiedTokens<T>(TimeProvider time) : IDisposable
    where T : class
{
    private const int MaxEntries = 10_000;
    private static readonly TimeSpan MaxAge = TimeSpan.FromMinutes(5);

    private readonly MemoryCache _cache = BoundedCache.Of(MaxEntries, time);

    public T? Find(in TokenHash token) =>
        _cache.TryGetValue(token, out Entry? entry) && entry!.Until > time.GetUtcNow() ? entry.Read : null;

    /// <param name="token">By which it is found again.</param>
    /// <param name="read">What it says.</param>
    /// <param name="expires">When the token expires; null where it does not say so.</param>
    public void Add(in TokenHash token, T read, DateTimeOffset? expires)
    {
        var latest = time.GetUtcNow() + MaxAge;
        var entry = new Entry(read, expires < latest ? expires.Value : latest);
        _cache.Set(token, entry, new MemoryCacheEntryOptions { Size = 1, AbsoluteExpirationRelativeToNow = MaxAge });
    }

    public void Dispose() => _cache.Dispose();

    private sealed record Entry(T Read, DateTimeOffset Until);
}

/// <summary>The SHA-256 of a token, as a key.</summary>
internal readonly record struct TokenHash(UInt128 High, UInt128 Low)
{
    /// <param name="token">At most <see cref="UnverifiedToken.MaxLength"/> characters.</param>
    public static TokenHash Compute(string token)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        Span<byte> text = token.Length <= 2048 ? stackalloc byte[2048] : new byte[token.Length];
        // Latin1 is one to one here: a header's characters are bytes, and others fail the token's shape.
        SHA256.HashData(text[..Encoding.Latin1.GetBytes(token, text)], hash);
        return new TokenHash(BinaryPrimitives.ReadUInt128BigEndian(hash), BinaryPrimitives.ReadUInt128BigEndian(hash[16..]));
    }
}
