using System.Security.Cryptography;
using System.Text;
using McpIdentity.Server.Protocol;
using McpIdentity.Server.Settings;

namespace McpIdentity.Server.Clients;

/// <summary>RFC 7591 §3: registration may ask for a token that the operator hands out.</summary>
internal static class InitialAccessToken
{
    public static OAuthError? Check(HttpRequest request, RegistrationOptions policy)
    {
        if (!policy.RequireInitialAccessToken)
        {
            return null;
        }

        return BearerToken.Of(request) is { } token && IsSame(token, policy.InitialAccessToken!)
            ? null
            : BearerToken.Refuse(request, "Registration needs the initial access token of this server's operator.");
    }

    private static bool IsSame(string left, string right) =>
        CryptographicOperations.FixedTimeEquals(SHA256.HashData(Encoding.UTF8.GetBytes(left)), SHA256.HashData(Encoding.UTF8.GetBytes(right)));
}
