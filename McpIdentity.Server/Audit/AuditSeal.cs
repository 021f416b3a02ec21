using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Keys;
using McpIdentity.Server.Settings;

namespace McpIdentity.Server.Audit;

/// <summary>
/// Signs how far a chain goes: HMAC-SHA-256 under a key of this purpose, derived from the encryption key. Who can write to the
/// database and does not have that key cannot cut or mend a chain unseen.
/// </summary>
internal sealed class AuditSeal(ServerSettings settings, IServiceProvider services)
{
    /// <summary>The key of a head that nobody could sign: without an authorization server there is no encryption key.</summary>
    public const string NoKey = "none";

    /// <summary>Between the name of a node and what tells its chains apart.</summary>
    public const char Separator = '#';

    private const string Unsigned = "#unsigned";
    private const string Purpose = "audit head";

    private readonly Lazy<(string Id, byte[] Key)[]> _keys = new(() =>
        settings.OAuth is { Enabled: true, EncryptionKey.Length: > 0 } && services.GetRequiredService<EncryptionKeys>() is var keys
            ? [.. keys.Fingerprints.Zip(keys.Derive(Purpose))]
            : []);

    /// <summary>The key that signs, by its fingerprint.</summary>
    public string KeyId => _keys.Value is [var (id, _), ..] ? id : NoKey;

    /// <summary>Now, as every database keeps it to the last digit.</summary>
    public static DateTimeOffset MomentOf(TimeProvider time) => new(time.GetUtcNow().UtcTicks / TimeSpan.TicksPerMillisecond * TimeSpan.TicksPerMillisecond, TimeSpan.Zero);

    /// <summary>Signs the head as it stands.</summary>
    public void Sign(AuditHead head)
    {
        head.KeyId = IsUnsigned(head.Node) ? NoKey : KeyId;
        head.Signature = SignatureOf(head, head.KeyId != NoKey && _keys.Value is [var (_, key), ..] ? key : null);
    }

    /// <summary>
    /// The chain that this process writes. One without a key has a chain of its own: a head that anybody can make would otherwise stand
    /// in the place of a signed one, and nobody could tell it from a forged one.
    /// </summary>
    public string ChainOf(string node) => KeyId == NoKey ? node + Unsigned : node;

    /// <summary>Whether nobody signs this chain, as its name says.</summary>
    public static bool IsUnsigned(string chain) => chain.EndsWith(Unsigned, StringComparison.Ordinal) || chain.Contains(Unsigned + Separator, StringComparison.Ordinal);

    /// <summary>Whether a process may write on behind this head, or move its beginning.</summary>
    public bool Proves(AuditHead head) => IsUnsigned(head.Node) ? head.KeyId == NoKey && Check(head).IsRight is null : Check(head).IsRight == true;

    /// <returns>What is to be said of its signature, and whether it is right; null where it cannot be known.</returns>
    public (bool? IsRight, string Says) Check(AuditHead head)
    {
        if (head.KeyId == NoKey)
        {
            return (SignatureOf(head, null).AsSpan().SequenceEqual(head.Signature) ? null : false, "unsigned: there was no encryption key");
        }

        var keys = _keys.Value.Where(key => key.Id == head.KeyId).ToList();
        return keys.Count == 0 ? (null, $"signed under the key {head.KeyId}, which is not configured (OAuth:PreviousEncryptionKeys)")
            : keys.Exists(key => CryptographicOperations.FixedTimeEquals(SignatureOf(head, key.Key), head.Signature)) ? (true, "signature right")
            : (false, "signature wrong");
    }

    // Without a key a checksum that anybody can make: it only tells one head from another.
    private static byte[] SignatureOf(AuditHead head, byte[]? key)
    {
        using var text = new MemoryStream();
        Write(Encoding.UTF8.GetBytes(head.Node));
        Write(head.Hash);
        Write(head.PrunedHash ?? []);
        Write(Encoding.UTF8.GetBytes(head.KeyId));
        Number(head.Sequence);
        Number(head.PrunedSequence);
        Number(head.SignedAt.UtcTicks);
        return key is null ? SHA256.HashData(text.ToArray()) : HMACSHA256.HashData(key, text.ToArray());

        void Write(byte[] part)
        {
            Number(part.Length);
            text.Write(part);
        }

        void Number(long number)
        {
            Span<byte> bytes = stackalloc byte[sizeof(long)];
            BinaryPrimitives.WriteInt64BigEndian(bytes, number);
            text.Write(bytes);
        }
    }
}
