using System.Text.Json;
using McpIdentity.Server.Keys;
using Microsoft.AspNetCore.Authentication;

namespace McpIdentity.Server.Sessions;

/// <summary>What the provider gave us when the person signed in, to act for them there: kept in the session, encrypted.</summary>
internal sealed record UpstreamTokens(string? AccessToken, string? RefreshToken, string? ExpiresAt)
{
    public const string Purpose = "upstream tokens";

    /// <summary>As an authentication handler with <c>SaveTokens</c> leaves them.</summary>
    public static UpstreamTokens ReadFrom(AuthenticationProperties properties) => new(
        properties.GetTokenValue("access_token"), properties.GetTokenValue("refresh_token"), properties.GetTokenValue("expires_at"));

    public string Protect(EncryptionKeys keys) => keys.Protect(Purpose, JsonSerializer.SerializeToUtf8Bytes(this, SessionsJson.Default.UpstreamTokens));

    /// <returns>Null when the encryption key of the session is not known any more.</returns>
    public static UpstreamTokens? Unprotect(EncryptionKeys keys, string value) =>
        keys.Unprotect(Purpose, value) is { } json ? JsonSerializer.Deserialize(json, SessionsJson.Default.UpstreamTokens) : null;
}
