using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;

namespace McpIdentity.Tests.Mcp;

/// <summary>What a client of the revisions with sessions sends (MCP 2025-11-25, transports).</summary>
internal static class SessionCalls
{
    public const string Initialize =
        """{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{"elicitation":{}},"clientInfo":{"name":"x","version":"1"}}}""";

    public const string Ping = """{"jsonrpc":"2.0","id":2,"method":"ping"}""";
    public const string Echo = """{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"echo","arguments":{"message":"heard"}}}""";
    public const string WhoAmI = """{"jsonrpc":"2.0","id":4,"method":"tools/call","params":{"name":"whoami","arguments":{}}}""";
    public const string Answer = """{"jsonrpc":"2.0","id":1,"result":{"action":"accept","content":{"word":"stolen"}}}""";

    /// <summary>The identifier of a new session; null when none was given.</summary>
    public static async Task<string?> OpenSessionAsync(this HttpClient client, string? bearer)
    {
        using var response = await client.SendAsync("POST", session: null, bearer, Initialize);
        Assert.That((int)response.StatusCode, Is.EqualTo(200), await response.Content.ReadAsStringAsync());
        return response.Headers.TryGetValues("Mcp-Session-Id", out var ids) ? ids.Single() : null;
    }

    /// <summary>Answers when the headers are there: a stream may go on.</summary>
    public static Task<HttpResponseMessage> SendAsync(this HttpClient client, string method, string? session, string? bearer, string? body = null, string? version = null)
    {
        var request = new HttpRequestMessage(new HttpMethod(method), "/mcp");
        request.Headers.Accept.ParseAdd("application/json, text/event-stream");
        if (body is not null)
        {
            request.Content = new StringContent(body, Encoding.UTF8, "application/json");
        }

        if (bearer is not null)
        {
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", bearer);
        }

        foreach (var (name, value) in new[] { ("Mcp-Session-Id", session), ("MCP-Protocol-Version", version) })
        {
            if (value is not null)
            {
                request.Headers.Add(name, value);
            }
        }

        return client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
    }

    /// <summary>Status and body; of an event stream the last message.</summary>
    public static async Task<(int Status, string Body)> ExchangeAsync(this HttpClient client, string method, string? session, string? bearer, string? body = null)
    {
        using var response = await client.SendAsync(method, session, bearer, body);
        var text = await response.Content.ReadAsStringAsync();
        return ((int)response.StatusCode, text.Contains("data: ", StringComparison.Ordinal) ? text[(text.LastIndexOf("data: ", StringComparison.Ordinal) + 6)..].Trim() : text);
    }

    /// <summary>The next message of an event stream; null when it has ended.</summary>
    public static async Task<JsonElement?> NextAsync(this StreamReader stream)
    {
        while (await stream.ReadLineAsync() is { } line)
        {
            if (line.StartsWith("data: ", StringComparison.Ordinal))
            {
                return JsonDocument.Parse(line[6..]).RootElement;
            }
        }

        return null;
    }
}
