using Microsoft.IdentityModel.Tokens;

namespace McpIdentity.Mcp;

/// <summary>
/// The public keys of our own issuer, from a host that is that issuer. A host that is not leaves it out:
/// the keys are then discovered from <see cref="McpOAuthOptions.Issuer"/>.
/// </summary>
public interface IMcpSigningKeys
{
    /// <summary>Every key a token may still be signed with. A new list object when anything changed.</summary>
    IReadOnlyList<SecurityKey> SigningKeys { get; }
}
