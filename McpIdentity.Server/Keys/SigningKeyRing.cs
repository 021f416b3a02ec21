using System.Collections.Frozen;
using System.Security.Cryptography;
using McpIdentity.Mcp;
using McpIdentity.Migrations.Entities;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.Tokens;
using OpenIddict.Server;

namespace McpIdentity.Server.Keys;

/// <summary>
/// The signing keys in force on this node: one signs, all of them are published and verify, the next one before it signs and
/// the previous ones until their tokens have expired.
/// </summary>
internal sealed partial class SigningKeyRing(
    EncryptionKeys encryption, IOptionsMonitorCache<OpenIddictServerOptions> openIddict, ILogger<SigningKeyRing> logger)
    : IMcpSigningKeys, IConfigureOptions<OpenIddictServerOptions>
{
    private IReadOnlyList<SigningCredentials> _credentials = [];
    private FrozenSet<string> _lost = [];

    /// <summary>Raised when other keys are in force: what was written of the old ones is out of date.</summary>
    public event Action? Changed;

    /// <summary>The signing one first. Empty until the keys were loaded.</summary>
    public IReadOnlyList<SecurityKey> SigningKeys { get; private set; } = [];

    /// <summary>What signs now.</summary>
    /// <exception cref="InvalidOperationException">The keys were not loaded.</exception>
    public SigningCredentials Signing => _credentials.Count > 0 ? _credentials[0] : throw new InvalidOperationException("The signing keys were not loaded.");

    /// <summary>All that can be used, as they were read last: those in force, and those that have retired.</summary>
    public IReadOnlyCollection<SigningKey> Stored { get; private set; } = [];

    public bool HasLost(string keyId) => _lost.Contains(keyId);

    /// <summary>
    /// The keys that can be used. One that was stored under an encryption key that is not configured any more is lost, and
    /// with it the tokens that it signed (SEED-033); the server goes on.
    /// </summary>
    public List<SigningKey> Usable(IReadOnlyCollection<SigningKey> stored)
    {
        var lost = stored.Where(key => encryption.Unprotect(SigningKeyStore.Purpose, key.ProtectedKey) is null).Select(key => key.Id).ToFrozenSet();
        if (lost.Count > 0 && !lost.SetEquals(_lost))
        {
            KeysLost(lost.Count, encryption.Fingerprint);
        }

        _lost = lost;
        return [.. stored.Where(key => !lost.Contains(key.Id))];
    }

    /// <summary>Puts in force what the dates of the usable keys say; does nothing when that is in force already.</summary>
    public void Update(IReadOnlyCollection<SigningKey> stored, DateTimeOffset now)
    {
        Stored = stored;
        var inForce = SigningKeyState.InForce(stored, now);
        if (inForce.Count == 0 || inForce.Select(key => key.Id).SequenceEqual(SigningKeys.Select(key => key.KeyId)))
        {
            return;
        }

        // A key that is known already stays the same object: IdentityModel keeps its prepared signatures by it.
        var known = _credentials.ToDictionary(credentials => credentials.Kid);
        var signsWith = _credentials.Count > 0 ? _credentials[0].Kid : null;
        _credentials = [.. inForce.Select(key => known.GetValueOrDefault(key.Id) ?? new SigningCredentials(Read(key), key.Algorithm))];
        SigningKeys = [.. _credentials.Select(credentials => credentials.Key)];
        // Requests that are under way go on with the options that they began with; the next one has them made anew.
        openIddict.TryRemove(Options.DefaultName);
        Changed?.Invoke();
        if (signsWith is not null && signsWith != _credentials[0].Kid)
        {
            SignsWith(_credentials[0].Kid, _credentials.Count);
        }
    }

    public void Configure(OpenIddictServerOptions options)
    {
        options.SigningCredentials.AddRange(_credentials);

        // OpenIddict asks for a key for what only it decrypts. Codes and refresh tokens are ours (GrantTokens), so little is
        // left of that; symmetric, because RSA costs 25 to 250 times as much.
        options.EncryptionCredentials.AddRange(encryption.Derive("tokens").Select(key => new EncryptingCredentials(
            new SymmetricSecurityKey(key), SecurityAlgorithms.Aes256KW, SecurityAlgorithms.Aes256CbcHmacSha512)));
    }

    private AsymmetricSecurityKey Read(SigningKey stored)
    {
        var pkcs8 = encryption.Unprotect(SigningKeyStore.Purpose, stored.ProtectedKey);
        if (stored.Algorithm == SecurityAlgorithms.RsaSha256)
        {
            var rsa = RSA.Create();
            rsa.ImportPkcs8PrivateKey(pkcs8, out _);
            return new RsaSecurityKey(rsa) { KeyId = stored.Id };
        }

        var key = ECDsa.Create();
        key.ImportPkcs8PrivateKey(pkcs8, out _);
        return new ECDsaSecurityKey(key) { KeyId = stored.Id };
    }

    [LoggerMessage(1102, LogLevel.Warning,
        "{Count} signing keys cannot be decrypted and are not used: they were stored under another encryption key than the configured one ({Fingerprint}). " +
        "Their tokens are refused. To keep them, name that key in OAuth:PreviousEncryptionKeys.")]
    private partial void KeysLost(int count, string fingerprint);

    [LoggerMessage(1110, LogLevel.Information, "Tokens are signed with key {KeyId} from now on; {Count} keys are published.")]
    private partial void SignsWith(string keyId, int count);
}
