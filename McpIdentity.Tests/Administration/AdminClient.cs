using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Administration;

/// <summary>Somebody who calls the admin API with a token of their own.</summary>
internal sealed class AdminClient(TestServer server, string? token)
{
    public const string Prefix = "/api/admin/v1";

    public string? Token => token;

    public Task<HttpResponseMessage> GetAsync(string path, params (string Name, string Value)[] headers) => SendAsync(HttpMethod.Get, path, null, headers);

    public Task<HttpResponseMessage> PostAsync(string path, object? body = null, params (string Name, string Value)[] headers) => SendAsync(HttpMethod.Post, path, body, headers);

    public Task<HttpResponseMessage> PatchAsync(string path, object body, params (string Name, string Value)[] headers) => SendAsync(HttpMethod.Patch, path, body, headers);

    public Task<HttpResponseMessage> DeleteAsync(string path, params (string Name, string Value)[] headers) => SendAsync(HttpMethod.Delete, path, null, headers);

    /// <param name="method">The method.</param>
    /// <param name="path">Below the address of the API.</param>
    /// <param name="body">A text as it stands; else an object, as JSON.</param>
    /// <param name="headers">Further ones.</param>
    public Task<HttpResponseMessage> SendAsync(HttpMethod method, string path, object? body = null, params (string Name, string Value)[] headers)
    {
        var request = new HttpRequestMessage(method, Prefix + path);
        if (token is not null)
        {
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        }

        if (body is not null)
        {
            request.Content = new StringContent(body as string ?? JsonSerializer.Serialize(body), Encoding.UTF8, "application/json");
        }

        foreach (var (name, value) in headers)
        {
            request.Headers.TryAddWithoutValidation(name, value);
        }

        return server.Http.SendAsync(request);
    }
}

internal static class ProblemResponses
{
    /// <summary>The code of a problem, which is checked to be one (RFC 9457 §3).</summary>
    public static async Task<string> ProblemAsync(this HttpResponseMessage response)
    {
        var text = await response.Content.ReadAsStringAsync();
        Assert.That(response.Content.Headers.ContentType?.MediaType, Is.EqualTo("application/problem+json"), $"{(int)response.StatusCode} {text}");
        using var problem = JsonDocument.Parse(text);
        Assert.That(problem.RootElement.GetProperty("status").GetInt32(), Is.EqualTo((int)response.StatusCode), text);
        Assert.That(problem.RootElement.GetProperty("detail").GetString(), Is.Not.Empty, text);
        Assert.That(problem.RootElement.GetProperty("reference").GetString(), Has.Length.EqualTo(32), text);
        return problem.RootElement.GetProperty("type").GetString()!.Split(':')[^1];
    }
}
