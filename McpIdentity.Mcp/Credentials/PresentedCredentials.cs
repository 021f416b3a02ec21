using Microsoft.AspNetCore.Http;

namespace McpIdentity.Mcp.Credentials;

/// <summary>
/// What a request shows. Only headers: a cookie would let other sites call in the user's name, and a token in a URL ends up in
/// logs (RFC 9700 §4.3.2).
/// </summary>
internal readonly record struct PresentedCredentials(string? First, string? Second, string? Refusal)
{
    private const string Scheme = "Bearer";

    public bool Any => First is not null || Second is not null || Refusal is not null;

    public static PresentedCredentials Read(HttpRequest request, McpAuthOptions auth)
    {
        if (request.QueryString.HasValue && request.Query.ContainsKey("access_token"))
        {
            return new(null, null, TokenRefusals.Query);
        }

        var (first, refusal) = FirstOf(request.Headers.Authorization.ToString());
        var second = auth.AuthType == McpAuthType.Both ? request.Headers[auth.SecondCredentialHeader] : default;
        return second.Count > 1
            ? new(null, null, TokenRefusals.Malformed)
            : new(first, second.Count == 0 ? null : WithoutScheme(second.ToString()), refusal);
    }

    private static (string? Token, string? Refusal) FirstOf(string header) => header switch
    {
        "" => (null, null),
        // RFC 9110 §11.1: the scheme's name has no case.
        _ when header.Equals(Scheme, StringComparison.OrdinalIgnoreCase) => (null, TokenRefusals.Malformed),
        _ when header.StartsWith(Scheme + " ", StringComparison.OrdinalIgnoreCase) => (WithoutScheme(header), null),
        _ => (null, TokenRefusals.Scheme),
    };

    private static string WithoutScheme(string header) =>
        header.StartsWith(Scheme + " ", StringComparison.OrdinalIgnoreCase) ? header[Scheme.Length..].Trim(' ') : header;
}
