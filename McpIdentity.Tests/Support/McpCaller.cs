using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using McpIdentity.Tests.Mcp;

namespace McpIdentity.Tests.Support;

/// <summary>Posts JSON-RPC requests to a server's MCP endpoint by hand.</summary>
internal sealed class McpCaller(HttpClient http)
{
    public McpCaller(TestServer server)
        : this(server.Http)
    {
    }

    public string Path { get; init; } = "/mcp";

    /// <param name="second">Goes into the header <c>X-MCP-JWT</c>.</param>
    public async Task<McpAnswer> CallAsync(string method, object? parameters = null, string? bearer = null, string? second = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, Path)
        {
            Content = new StringContent(
                JsonSerializer.Serialize(new { jsonrpc = "2.0", id = 7, method, @params = parameters ?? new { } }), Encoding.UTF8, "application/json"),
        };
        request.Headers.Authorization = bearer is null ? null : new AuthenticationHeaderValue("Bearer", bearer);
        if (second is not null)
        {
            request.Headers.Add("X-MCP-JWT", second);
        }

        using var response = await http.SendAsync(request);
        return await McpAnswer.ReadAsync(response);
    }

    public Task<McpAnswer> CallToolAsync(string name, string? bearer = null, object? arguments = null, string? second = null) =>
        CallAsync("tools/call", new { name, arguments = arguments ?? new { } }, bearer, second);
}
