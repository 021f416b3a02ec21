using System.Text;
using System.Text.Json;
using McpIdentity.Mcp;
using McpIdentity.Server.Keys;
using McpIdentity.Server.Protocol;
using McpIdentity.Server.Settings;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace McpIdentity.Server.Administration;

/// <summary>What a minted token says.</summary>
internal sealed record TokenOrder(string Subject, string? Email, string Client, string[] Scopes, string? Audience, TimeSpan Lifetime);

/// <summary>Signs tokens for tests. They belong to no session and no grant: they end by their time, or with their key.</summary>
internal static class TokenMint
{
    // RFC 7518 §3.2; a shorter secret, which only Development accepts, is padded as RFC 2104 §2 does anyway.
    private const int MinSecretBytes = 32;

    /// <summary>As <c>/oauth/token</c> issues them to services (RFC 9068).</summary>
    public static string AccessToken(IServiceProvider services, TokenOrder order)
    {
        var claims = Claims(services, order, services.GetRequiredService<PublicAddress>().Issuer, services.GetRequiredService<IOptions<McpOptions>>().Value.Resource);
        claims["client_id"] = order.Client;
        claims["scope"] = string.Join(' ', order.Scopes);
        var key = services.GetRequiredService<SigningKeyRing>().SigningKeys[0];
        return Sign(claims, new SigningCredentials(key, key is RsaSecurityKey ? SecurityAlgorithms.RsaSha256 : SecurityAlgorithms.EcdsaSha256), "at+jwt");
    }

    /// <summary>As the guide's script makes them: HS256, scopes as an array.</summary>
    public static string Jwt(IServiceProvider services, TokenOrder order)
    {
        var jwt = services.GetRequiredService<IOptions<ExternalJwtOptions>>().Value;
        var resource = services.GetRequiredService<IOptions<McpOptions>>().Value.Resource;
        var claims = Claims(services, order, jwt.Issuer!, string.IsNullOrEmpty(jwt.Audience) ? resource : jwt.Audience);
        claims["scopes"] = order.Scopes;
        var secret = Encoding.UTF8.GetBytes(jwt.Secret!);
        Array.Resize(ref secret, Math.Max(secret.Length, MinSecretBytes));
        return Sign(claims, new SigningCredentials(new SymmetricSecurityKey(secret), SecurityAlgorithms.HmacSha256), "JWT");
    }

    /// <returns>Null when it is no time, not longer than zero, or longer than allowed.</returns>
    public static TimeSpan? ParseLifetime(string? text, TimeSpan longest)
    {
        if (text is null)
        {
            return longest < TimeSpan.FromHours(1) ? longest : TimeSpan.FromHours(1);
        }

        return Durations.Parse(text) is { } lifetime && lifetime > TimeSpan.Zero && lifetime <= longest ? lifetime : null;
    }

    private static Dictionary<string, object> Claims(IServiceProvider services, TokenOrder order, string issuer, string audience)
    {
        var now = services.GetRequiredService<TimeProvider>().GetUtcNow();
        var claims = new Dictionary<string, object>
        {
            [JwtRegisteredClaimNames.Iss] = issuer,
            [JwtRegisteredClaimNames.Aud] = order.Audience ?? audience,
            [JwtRegisteredClaimNames.Sub] = order.Subject,
            [JwtRegisteredClaimNames.Jti] = Guid.NewGuid().ToString(),
            [JwtRegisteredClaimNames.Iat] = now.ToUnixTimeSeconds(),
            [JwtRegisteredClaimNames.Exp] = (now + order.Lifetime).ToUnixTimeSeconds(),
        };
        if (order.Email is not null)
        {
            claims[JwtRegisteredClaimNames.Email] = order.Email;
        }

        return claims;
    }

    private static string Sign(Dictionary<string, object> claims, SigningCredentials credentials, string type) =>
        new JsonWebTokenHandler { SetDefaultTimesOnTokenCreation = false }.CreateToken(
            JsonSerializer.Serialize(claims), credentials, new Dictionary<string, object> { [JwtHeaderParameterNames.Typ] = type });
}
