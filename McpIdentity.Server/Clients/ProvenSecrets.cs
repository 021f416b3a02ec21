using System.Security.Cryptography;
using System.Text;
using McpIdentity.Mcp;
using Microsoft.Extensions.Caching.Memory;

namespace McpIdentity.Server.Clients;

/// <summary>
/// Secrets that a client has proven while this process runs, so that one which a person chose costs its slow hash once and
/// not with every token. What is kept is an HMAC under a key that nobody else has and that ends with the process; a wrong
/// secret is never in it, and costs the slow hash each time.
/// </summary>
internal sealed class ProvenSecrets(TimeProvider time) : IDisposable
{
    private const int MaxClients = 10_000;

    private readonly byte[] _key = RandomNumberGenerator.GetBytes(32);
    private readonly MemoryCache _proven = BoundedCache.Of(MaxClients, time);
    private long _derivations;

    /// <summary>How often the slow hash was reckoned.</summary>
    public long Derivations => Interlocked.Read(ref _derivations);

    /// <param name="secret">What the client sent.</param>
    /// <param name="stored">The salted hash that is stored of its secret: of a changed secret it is another one.</param>
    /// <param name="derive">Compares by the slow hash.</param>
    public async ValueTask<bool> CheckAsync(string secret, string stored, Func<ValueTask<bool>> derive)
    {
        var mac = HMACSHA256.HashData(_key, Encoding.UTF8.GetBytes(secret));
        if (_proven.TryGetValue(stored, out byte[]? proven) && CryptographicOperations.FixedTimeEquals(proven, mac))
        {
            return true;
        }

        Interlocked.Increment(ref _derivations);
        if (!await derive())
        {
            return false;
        }

        _proven.Set(stored, mac, new MemoryCacheEntryOptions { Size = 1, SlidingExpiration = TimeSpan.FromHours(1) });
        return true;
    }

    public void Dispose()
    {
        _proven.Dispose();
        CryptographicOperations.ZeroMemory(_key);
    }
}
