using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Clients;

/// <summary>Registrations with a software statement, and what it usually says.</summary>
internal static class StatementCalls
{
    public static readonly string[] Redirects = [OAuthClient.DefaultRedirectUri];

    /// <summary>As a publisher writes it: it names the app, and where its answers go.</summary>
    public static readonly object Editor = new { client_name = "An editor", redirect_uris = Redirects, software_id = "editor", token_endpoint_auth_method = "none" };

    public static async Task<JsonElement> RegisterAsync(this TestServer server, object metadata, string? token = null)
    {
        using var response = await PostAsync(server, metadata, token);
        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.Created), await response.Content.ReadAsStringAsync());
        return await response.JsonAsync();
    }

    public static async Task<HttpResponseMessage> PostAsync(TestServer server, object metadata, string? token = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/register") { Content = JsonContent.Create(metadata) };
        request.Headers.Authorization = token is null ? null : new AuthenticationHeaderValue("Bearer", token);
        return await server.Http.SendAsync(request);
    }

    public static async Task<HttpResponseMessage> SendAsync(TestServer server, JsonElement client, HttpMethod method, object? body = null)
    {
        using var request = new HttpRequestMessage(method, $"/register/{client.Text("client_id")}") { Content = body is null ? null : JsonContent.Create(body) };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", client.Text("registration_access_token"));
        return await server.Http.SendAsync(request);
    }
}
