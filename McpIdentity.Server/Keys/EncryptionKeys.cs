using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using McpIdentity.Server.Settings;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Keys;

/// <summary>
/// What keeps stored secrets unreadable: AES-256-GCM under keys derived (HKDF, one a purpose) from <c>OAuth:EncryptionKey</c>.
/// A protected value names its key, so that an earlier key still decrypts after a change.
/// </summary>
internal sealed class EncryptionKeys
{
    private const int NonceSize = 12;
    private const int TagSize = 16;
    private const int KeyIdSize = 4;

    // The characters of a protected value that its key's id decides alone: 30 of its 32 bits.
    private const int PrefixLength = 5;

    private readonly List<(byte[] Id, byte[] Root)> _keys;

    public EncryptionKeys(IOptions<OAuthServerOptions> options)
    {
        _keys = [.. new[] { options.Value.EncryptionKey! }.Concat(options.Value.PreviousEncryptionKeys).Select(key =>
        {
            var root = Encoding.UTF8.GetBytes(key);
            return (HKDF.DeriveKey(HashAlgorithmName.SHA256, root, KeyIdSize, info: "key id"u8.ToArray()), root);
        })];
    }

    /// <summary>How each value protected under the current key begins, and then those under the previous ones: a query tells them apart.</summary>
    public IReadOnlyList<string> Prefixes => [.. _keys.Select(key => PrefixOf(Base64Url.EncodeToString(key.Id)))];

    /// <summary>Tells one key from another in the log, and says nothing of it.</summary>
    public string Fingerprint => Fingerprints[0];

    /// <summary>The same of every key that is read: the current one, and then the previous ones.</summary>
    public IReadOnlyList<string> Fingerprints => [.. _keys.Select(key => Convert.ToHexStringLower(key.Id))];

    /// <summary>Whether an earlier key is configured, whose values are to be protected anew.</summary>
    public bool HasPrevious => _keys.Count > 1;

    /// <summary>The part of a protected value that names its key, as in <see cref="Prefixes"/>.</summary>
    public static string PrefixOf(string value) => value.Length > PrefixLength ? value[..PrefixLength] : value;

    /// <summary>A 256-bit key for one purpose, of the current encryption key and then of the previous ones.</summary>
    public IEnumerable<byte[]> Derive(string purpose) => _keys.Select(key => Derive(key.Root, purpose));

    public string Protect(string purpose, ReadOnlySpan<byte> plaintext)
    {
        var (id, root) = _keys[0];
        var output = new byte[KeyIdSize + NonceSize + plaintext.Length + TagSize];
        id.CopyTo(output, 0);
        var nonce = output.AsSpan(KeyIdSize, NonceSize);
        RandomNumberGenerator.Fill(nonce);
        using var aes = new AesGcm(Derive(root, purpose), TagSize);
        aes.Encrypt(nonce, plaintext, output.AsSpan(KeyIdSize + NonceSize, plaintext.Length), output.AsSpan(^TagSize..));
        return Base64Url.EncodeToString(output);
    }

    /// <returns>The plaintext, or null when the value was made under another key or was changed.</returns>
    public byte[]? Unprotect(string purpose, string value)
    {
        if (!Base64Url.IsValid(value) || Base64Url.DecodeFromChars(value) is not { Length: >= KeyIdSize + NonceSize + TagSize } input)
        {
            return null;
        }

        foreach (var (_, root) in _keys.Where(key => input.AsSpan(0, KeyIdSize).SequenceEqual(key.Id)))
        {
            var plaintext = new byte[input.Length - KeyIdSize - NonceSize - TagSize];
            using var aes = new AesGcm(Derive(root, purpose), TagSize);
            try
            {
                aes.Decrypt(input.AsSpan(KeyIdSize, NonceSize), input.AsSpan(KeyIdSize + NonceSize, plaintext.Length), input.AsSpan(^TagSize..), plaintext);
                return plaintext;
            }
            catch (AuthenticationTagMismatchException)
            {
                // Another key with the same four-byte id, or a changed value: the next key may fit.
            }
        }

        return null;
    }

    /// <summary>The same plaintext under the current key.</summary>
    /// <returns>The value itself where it is already, null where no configured key reads it.</returns>
    public string? Reprotect(string purpose, string value) =>
        PrefixOf(value) == Prefixes[0] ? value : Unprotect(purpose, value) is { } plaintext ? Protect(purpose, plaintext) : null;

    private static byte[] Derive(byte[] root, string purpose) =>
        HKDF.DeriveKey(HashAlgorithmName.SHA256, root, 32, info: Encoding.UTF8.GetBytes(purpose));
}
