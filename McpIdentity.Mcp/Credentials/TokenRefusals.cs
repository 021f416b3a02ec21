namespace McpIdentity.Mcp.Credentials;

/// <summary>The texts of <c>error_description</c> (SEED-089): an operator finds the cause by them.</summary>
internal static class TokenRefusals
{
    public const string Malformed = "Malformed token";
    public const string Scheme = "Only Bearer tokens are accepted";
    public const string Query = "Tokens in the query string are not accepted";
    public const string Signature = "Invalid signature";
    public const string Type = "Invalid token type";
    public const string NoExpiry = "Token has no expiry";
    public const string Expired = "Token has expired";
    public const string NotYet = "Token is not valid yet";
    public const string Issuer = "Invalid issuer";
    public const string Audience = "Invalid audience";
    public const string Subject = "Token has no subject";
    public const string Session = "Session not found";
}
