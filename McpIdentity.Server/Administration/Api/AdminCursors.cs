using System.Security.Cryptography;
using System.Text;
using McpIdentity.Server.Keys;

namespace McpIdentity.Server.Administration.Api;

/// <summary>
/// Where a page of a list ended, closed: it may hold what its reader should not make up, and continues only the list and the filters that
/// it comes from.
/// </summary>
internal sealed class AdminCursors(EncryptionKeys keys)
{
    private const string Purpose = "cursors of the admin API";
    private const int FingerprintLength = 16;

    public string Close(string key, string filter) => keys.Protect(Purpose, [.. Fingerprint(filter), .. Encoding.UTF8.GetBytes(key)]);

    /// <returns>Null where it is none of this list and these filters.</returns>
    public string? Open(string cursor, string filter) =>
        keys.Unprotect(Purpose, cursor) is { Length: >= FingerprintLength } bytes && bytes.AsSpan(0, FingerprintLength).SequenceEqual(Fingerprint(filter)) ? Encoding.UTF8.GetString(bytes, FingerprintLength, bytes.Length - FingerprintLength) : null;

    private static byte[] Fingerprint(string filter) => SHA256.HashData(Encoding.UTF8.GetBytes(filter))[..FingerprintLength];
}
