using McpIdentity.Server.Protocol;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace McpIdentity.Server.Clients;

/// <summary>The token that a registration is asked with (RFC 6750 §2.1), and the refusal of one that is no good.</summary>
internal static class BearerToken
{
    private const string Scheme = "Bearer ";

    /// <returns>Null where the request has none.</returns>
    public static string? Of(HttpRequest request) =>
        request.Headers.Authorization.ToString() is var header && header.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase) ? header[Scheme.Length..].Trim() : null;

    public static OAuthError Refuse(HttpRequest request, string description)
    {
        // RFC 6750 §3.1: no error code for a request without any credential.
        request.HttpContext.Response.Headers.WWWAuthenticate =
            request.Headers.Authorization.Count == 0 ? "Bearer" : $"Bearer error=\"{Errors.InvalidToken}\"";
        return new OAuthError(Errors.InvalidToken, description) { StatusCode = StatusCodes.Status401Unauthorized };
    }
}
