using Microsoft.IdentityModel.Tokens;

namespace McpIdentity.Mcp.IssuerKeys;

/// <summary>The signature algorithms we know (RFC 7518 §3.1), by the kind of key; <c>none</c> is not among them.</summary>
internal static class TokenAlgorithms
{
    /// <summary>RFC 7518 §3.2: a key of the size of the hash or longer.</summary>
    public const int MinSecretBytes = 32;

    public static readonly string[] Own = [SecurityAlgorithms.EcdsaSha256, SecurityAlgorithms.RsaSha256];

    public static readonly string[] Symmetric =
        [SecurityAlgorithms.HmacSha256, SecurityAlgorithms.HmacSha384, SecurityAlgorithms.HmacSha512];

    public static readonly string[] Asymmetric =
    [
        SecurityAlgorithms.RsaSha256, SecurityAlgorithms.RsaSha384, SecurityAlgorithms.RsaSha512,
        SecurityAlgorithms.RsaSsaPssSha256, SecurityAlgorithms.RsaSsaPssSha384, SecurityAlgorithms.RsaSsaPssSha512,
        SecurityAlgorithms.EcdsaSha256, SecurityAlgorithms.EcdsaSha384, SecurityAlgorithms.EcdsaSha512,
    ];
}
