using System.Net.Http.Json;
using System.Text.Json;

namespace McpIdentity.Tests.Support;

/// <summary>Short ways to say what an answer held.</summary>
internal static class Responses
{
    public static async Task<JsonElement> JsonAsync(this HttpResponseMessage response)
    {
        Assert.That(response.Content.Headers.ContentType?.MediaType, Is.EqualTo("application/json"), await response.Content.ReadAsStringAsync());
        return await response.Content.ReadFromJsonAsync<JsonElement>();
    }

    /// <summary>The <c>error</c> member of an OAuth refusal; asserts that it is a 4xx with no-store.</summary>
    public static async Task<string?> OAuthErrorAsync(this HttpResponseMessage response)
    {
        Assert.That((int)response.StatusCode, Is.InRange(400, 499), await response.Content.ReadAsStringAsync());
        Assert.That(response.Headers.CacheControl?.NoStore, Is.True);
        return (await response.JsonAsync()).GetProperty("error").GetString();
    }

    /// <summary>Whether somebody answers there yet, whatever it is.</summary>
    public static async Task<bool> IsAnsweredAsync(this HttpClient http, string url, CancellationToken cancellationToken = default)
    {
        try
        {
            using var response = await http.GetAsync(url, cancellationToken);
            return true;
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }

    public static string? Text(this JsonElement json, string member) => json.TryGetProperty(member, out var value) ? value.GetString() : null;
}
