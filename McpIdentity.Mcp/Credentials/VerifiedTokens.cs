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
internal sealed class VerifiedTokens(TimeProvider time) : IDisposable
{
    private const int MaxEntries = 10_000;
    private static readonly TimeSpan MaxAge = TimeSpan.FromMinutes(5);

    private readonly MemoryCache _cache = new(new MemoryCacheOptions { SizeLimit = MaxEntries });

    public VerifiedCaller? Find(in TokenHash token) =>
        _cache.TryGetValue(token, out Entry? entry) && entry!.Until > time.GetUtcNow() ? entry.Caller : null;

    public void Add(in TokenHash token, VerifiedCaller caller)
    {
        var latest = time.GetUtcNow() + MaxAge;
        var entry = new Entry(caller, caller.Expires < latest ? caller.Expires : latest);
        _cache.Set(token, entry, new MemoryCacheEntryOptions { Size = 1, AbsoluteExpirationRelativeToNow = MaxAge });
    }

    public void Dispose() => _cache.Dispose();

    private sealed record Entry(VerifiedCaller Caller, DateTimeOffset Until);
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
