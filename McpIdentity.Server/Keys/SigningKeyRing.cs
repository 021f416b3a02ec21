using System.Collections.Frozen;
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
internal sealed partial class SigningKeyRing(EncryptionKeys encryption, TimeProvider time, ILogger<SigningKeyRing> logger) : IMcpSigningKeys, IConfigureOptions<OpenIddictServerOptions>
{
    public const string Purpose = "signing keys";

    private IReadOnlyList<SecurityKey> _keys = [];
    private FrozenSet<string> _lost = [];

    /// <summary>Newest first. Empty until <see cref="LoadAsync"/> has run.</summary>
    public IReadOnlyList<SecurityKey> SigningKeys => _keys;

    public bool HasLost(string keyId) => _lost.Contains(keyId);

    /// <summary>
    /// Reads the keys, and makes one where there is none. A key that was stored under an encryption key that is not
    /// configured any more is lost, and with it the tokens that it signed (SEED-033); the start goes on.
    /// </summary>
    public async Task LoadAsync(McpIdentityDbContext db, CancellationToken cancellationToken)
    {
        // The client sorts: SQLite and PostgreSQL agree on the order of moments only there, and the list is short.
        var stored = await db.SigningKeys.AsNoTracking().ToListAsync(cancellationToken);
        _lost = stored.Where(key => encryption.Unprotect(Purpose, key.ProtectedKey) is null).Select(key => key.Id).ToFrozenSet();
        stored.RemoveAll(key => _lost.Contains(key.Id));
        if (_lost.Count > 0)
        {
            KeysLost(_lost.Count, encryption.Fingerprint);
        }

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
        var key = ECDsa.Create();
        key.ImportPkcs8PrivateKey(encryption.Unprotect(Purpose, stored.ProtectedKey), out _);
        return new ECDsaSecurityKey(key) { KeyId = stored.Id };
    }

    [LoggerMessage(1102, LogLevel.Warning,
        "{Count} signing keys cannot be decrypted and are not used: they were stored under another encryption key than the configured one ({Fingerprint}). " +
        "Their tokens are refused. To keep them, name that key in OAuth:PreviousEncryptionKeys.")]
    private partial void KeysLost(int count, string fingerprint);
}
