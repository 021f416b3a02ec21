using System.Buffers.Binary;
using System.Buffers.Text;
using System.Security.Cryptography;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Keys;

namespace McpIdentity.Server.Tokens;

/// <summary>
/// What an authorization code or refresh token looks like: the grant, the generation and a MAC over both. Nothing of it is
/// stored, so a stolen database holds no token; the successor of a token follows from it, so that whoever repeats a refresh
/// gets the same one again; and a guess costs no query.
/// </summary>
internal sealed class GrantTokens(EncryptionKeys keys)
{
    private const int NumberSize = sizeof(int);
    private const int Size = Grant.IdSize + NumberSize + HMACSHA256.HashSizeInBytes;

    private readonly byte[][] _keys = [.. keys.Derive("codes and refresh tokens")];

    /// <param name="grantId">Sixteen bytes.</param>
    /// <param name="generation">0 for the code, then the number of the refresh token.</param>
    public string Write(ReadOnlySpan<byte> grantId, int generation)
    {
        Span<byte> token = stackalloc byte[Size];
        grantId.CopyTo(token);
        BinaryPrimitives.WriteInt32BigEndian(token[Grant.IdSize..], generation);
        HMACSHA256.HashData(_keys[0], token[..(Grant.IdSize + NumberSize)], token[(Grant.IdSize + NumberSize)..]);
        return Base64Url.EncodeToString(token);
    }

    /// <returns>The grant and the generation, or null for anything that this server did not write.</returns>
    public (byte[] GrantId, int Generation)? Read(string token)
    {
        Span<byte> bytes = stackalloc byte[Size];
        if (token.Length != Base64Url.GetEncodedLength(Size) || !Base64Url.IsValid(token) || !Base64Url.TryDecodeFromChars(token, bytes, out _))
        {
            return null;
        }

        var content = bytes[..(Grant.IdSize + NumberSize)];
        Span<byte> mac = stackalloc byte[HMACSHA256.HashSizeInBytes];
        foreach (var key in _keys)
        {
            HMACSHA256.HashData(key, content, mac);
            if (CryptographicOperations.FixedTimeEquals(mac, bytes[content.Length..]))
            {
                return (content[..Grant.IdSize].ToArray(), BinaryPrimitives.ReadInt32BigEndian(content[Grant.IdSize..]));
            }
        }

        return null;
    }
}
