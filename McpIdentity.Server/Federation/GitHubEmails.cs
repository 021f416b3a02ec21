using System.Net.Http.Headers;
using System.Text.Json;

namespace McpIdentity.Server.Federation;

/// <summary>
/// GitHub's profile shows the address that a person chose to publish, or none. Which address is theirs, and verified, only
/// <c>/user/emails</c> says (scope <c>user:email</c>).
/// </summary>
internal sealed class GitHubEmails(HttpClient http)
{
    public static string UserEndpointOf(UpstreamProvider provider) => provider.Options.UserInfoEndpoint ?? "https://api.github.com/user";

    /// <returns>The primary address and whether it is verified; nothing where the person has none, or the scope was not given.</returns>
    public async Task<(string? Email, bool IsVerified)> FindPrimaryAsync(UpstreamProvider provider, string accessToken, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, UserEndpointOf(provider) + "/emails");
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", accessToken);
        request.Headers.Accept.ParseAdd("application/vnd.github+json");
        // GitHub refuses a request without it.
        request.Headers.UserAgent.ParseAdd("McpIdentity");
        using var response = await http.SendAsync(request, cancellationToken);
        if (!response.IsSuccessStatusCode)
        {
            return (int)response.StatusCode < 500 ? default : throw new HttpRequestException("GitHub cannot say which addresses the person has.", null, response.StatusCode);
        }

        var emails = await response.Content.ReadFromJsonAsync<JsonElement>(cancellationToken);
        if (emails.ValueKind != JsonValueKind.Array || emails.EnumerateArray().Any(email => email.ValueKind != JsonValueKind.Object))
        {
            throw new JsonException("GitHub's answer holds no addresses.");
        }

        return emails.EnumerateArray().FirstOrDefault(IsPrimary) is { ValueKind: JsonValueKind.Object } primary
            ? (primary.GetProperty("email").GetString(), Is(primary, "verified"))
            : default;
    }

    private static bool IsPrimary(JsonElement email) =>
        email.ValueKind == JsonValueKind.Object && Is(email, "primary") && email.TryGetProperty("email", out var value) && value.ValueKind == JsonValueKind.String;

    private static bool Is(JsonElement email, string member) => email.TryGetProperty(member, out var value) && value.ValueKind == JsonValueKind.True;
}
