using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;

namespace McpIdentity.Tests.Support;

/// <summary>One tool call with a token, and what became of it.</summary>
internal static class McpCalls
{
    /// <summary>Calls <c>greeting</c>; the description is that of <c>WWW-Authenticate</c>.</summary>
    public static async Task<(HttpStatusCode Status, string Challenge)> CallToolAsync(this HttpClient http, string? accessToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/mcp")
        {
            Content = JsonContent.Create(new { jsonrpc = "2.0", id = 1, method = "tools/call", @params = new { name = "greeting", arguments = new { } } }),
        };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", accessToken);
        using var response = await http.SendAsync(request);
        if (response.StatusCode == HttpStatusCode.ServiceUnavailable)
        {
            Assert.That(response.Headers.RetryAfter, Is.Not.Null);
        }

        return (response.StatusCode, response.Headers.WwwAuthenticate.ToString());
    }
}
