using System.Security.Cryptography;
using System.Text;
using McpIdentity.Server.Protocol;
using McpIdentity.Server.Settings;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace McpIdentity.Server.Clients;

/// <summary>RFC 7591 §3: registration may ask for a token that the operator hands out.</summary>
internal static class InitialAccessToken
{
    private const string Scheme = "Bearer ";

    public static OAuthError? Check(HttpRequest request, RegistrationOptions policy)
    {
        if (!policy.RequireInitialAccessToken)
        {
            return null;
        }

        var header = request.Headers.Authorization.ToString();
        if (header.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase) && IsSame(header[Scheme.Length..].Trim(), policy.InitialAccessToken!))
        {
            return null;
        }

        // RFC 6750 §3.1: no error code for a request without any credential.
        request.HttpContext.Response.Headers.WWWAuthenticate = header.Length == 0 ? "Bearer" : $"Bearer error=\"{Errors.InvalidToken}\"";
        return new OAuthError(Errors.InvalidToken, "Registration needs the initial access token of this server's operator.")
        {
            StatusCode = StatusCodes.Status401Unauthorized,
        };
    }

    private static bool IsSame(string left, string right) =>
        CryptographicOperations.FixedTimeEquals(SHA256.HashData(Encoding.UTF8.GetBytes(left)), SHA256.HashData(Encoding.UTF8.GetBytes(right)));
}
