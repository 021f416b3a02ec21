using McpIdentity.Mcp.IssuerKeys;

namespace McpIdentity.Mcp.Credentials;

/// <summary>How the tokens of one issuer are judged. Keys and algorithms of two issuers never meet.</summary>
internal sealed class IssuerRules
{
    public required string Issuer { get; init; }

    public required string Audience { get; init; }

    public required IKeySource Keys { get; init; }

    public required IReadOnlyList<string> Algorithms { get; init; }

    public required TimeSpan ClockSkew { get; init; }

    public required IReadOnlyList<string> ScopeClaims { get; init; }

    /// <summary>RFC 8725 §3.11: an ID token or a logout token of the same issuer is no access token.</summary>
    public required IReadOnlyList<string?> Types { get; init; }

    public string SubjectClaim { get; init; } = "sub";

    public bool IsOwn { get; init; }

    public bool RequireValidSignature { get; init; } = true;

    public bool AllowExpiredTokens { get; init; }
}
