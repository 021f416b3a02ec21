using System.Security.Cryptography;
using McpIdentity.Mcp;
using McpIdentity.Persistence;
using McpIdentity.Persistence.Entities;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.Tokens;
using OpenIddict.Server;

namespace McpIdentity.Server.Keys;

/// <summary>The ES256 keys of the database, newest first: the first signs, all of them verify.</summary>
internal sealed class SigningKeyRing(EncryptionKeys encryption, TimeProvider time) : IMcpSigningKeys, IConfigureOptions<OpenIddictServerOptions>
{
    private const string Purpose = "signing keys";

    private IReadOnlyList<SecurityKey> _keys = [];

    /// <summary>Newest first. Empty until <see cref="LoadAsync"/> has run.</summary>
    public IReadOnlyList<SecurityKey> SigningKeys => _keys;

    /// <summary>Reads the keys, and makes the first one of an empty database.</summary>
    /// <exception cref="InvalidOperationException">The encryption key is not the one the keys were stored under.</exception>
    public async Task LoadAsync(McpIdentityDbContext db, CancellationToken cancellationToken)
    {
        // The client sorts: SQLite and PostgreSQL agree on the order of moments only there, and the list is short.
        var stored = await db.SigningKeys.AsNoTracking().ToListAsync(cancellationToken);
        if (stored.Count == 0)
        {
            stored.Add(Create());
            db.SigningKeys.Add(stored[0]);
            await db.SaveChangesAsync(cancellationToken);
        }

        _keys = [.. stored.OrderByDescending(key => key.CreatedAt).Select(Read)];
    }

    public void Configure(OpenIddictServerOptions options)
    {
        // RFC 7518 §3.4: ES256, one tenth of the signing cost of RS256 and what every MCP client library verifies.
        options.SigningCredentials.AddRange(_keys.Select(key => new SigningCredentials(key, SecurityAlgorithms.EcdsaSha256)));

        // What only this server decrypts (codes, refresh tokens) is encrypted with a symmetric key: RSA costs 25 to 250 times as much.
        options.EncryptionCredentials.AddRange(encryption.Derive("tokens").Select(key => new EncryptingCredentials(
            new SymmetricSecurityKey(key), SecurityAlgorithms.Aes256KW, SecurityAlgorithms.Aes256CbcHmacSha512)));
    }

    private SigningKey Create()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        return new SigningKey
        {
            Id = Base64UrlEncoder.Encode(RandomNumberGenerator.GetBytes(16)),
            Algorithm = SecurityAlgorithms.EcdsaSha256,
            ProtectedKey = encryption.Protect(Purpose, key.ExportPkcs8PrivateKey()),
            CreatedAt = time.GetUtcNow(),
        };
    }

    private ECDsaSecurityKey Read(SigningKey stored)
    {
        var pkcs8 = encryption.Unprotect(Purpose, stored.ProtectedKey) ?? throw new InvalidOperationException(
            $"The signing key {stored.Id} cannot be decrypted: ENCRYPTION_KEY is not the one it was stored under. " +
            "Restore that key, or name it in OAuth:PreviousEncryptionKeys.");
        var key = ECDsa.Create();
        key.ImportPkcs8PrivateKey(pkcs8, out _);
        return new ECDsaSecurityKey(key) { KeyId = stored.Id };
    }
}
