namespace McpIdentity.Mcp.Credentials;

/// <summary>Claims of RFC 7519 §4.1, RFC 9068 §2.2 and OpenID Connect, as they stand in tokens; nothing is renamed.</summary>
internal static class ClaimNames
{
    public const string Audience = "aud";
    public const string ClientId = "client_id";
    public const string Email = "email";
    public const string Expires = "exp";
    public const string GrantId = "oi_au_id"; // OpenIddict's authorization
    public const string IssuedAt = "iat";
    public const string Issuer = "iss";
    public const string Name = "name";
    public const string NotBefore = "nbf";
    public const string Roles = "roles";
    public const string Scope = "scope";
    public const string SessionId = "sid";
    public const string Subject = "sub";
    public const string TokenId = "jti";

    /// <summary>Private (RFC 7519 §4.3): the tools that a person left to a client, where they took some away (docs/consent.md).</summary>
    public const string Tools = "mcp_tools";
}
