using Microsoft.IdentityModel.Tokens;

namespace McpIdentity.Mcp;

/// <summary>
/// The public keys of our own issuer, from a host that is that issuer. A host that is not leaves it out:
/// the keys are then discovered from <see cref="McpOAuthOptions.Issuer"/>.
/// </summary>
internal interface IMcpSigningKeys
{
    /// <summary>Every key a token may still be signed with. A new list object when anything changed.</summary>
    IReadOnlyList<SecurityKey> SigningKeys { get; }

    /// <summary>
    /// Whether a key was ours and can no longer be used, by an accident or because the host's own encryption was changed:
    /// what it signed is gone with it, and the client should sign in again instead of hearing of a forged signature.
    /// </summary>
    /// <param name="keyId">The token's <c>kid</c>, as yet unproven.</param>
    bool HasLost(string keyId) => false;
}
