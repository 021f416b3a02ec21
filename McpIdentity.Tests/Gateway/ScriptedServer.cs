using System.Text.Json;
using System.Text.Json.Nodes;
using McpIdentity.Tests.Support;
using Microsoft.AspNetCore.Http;

namespace McpIdentity.Tests.Gateway;

/// <summary>An MCP server whose tools the test changes while it runs.</summary>
internal sealed class ScriptedServer : IAsyncDisposable
{
    private Upstream _upstream = null!;

    /// <summary>Each as JSON, word for word.</summary>
    public IReadOnlyList<string> Tools { get; set; } = [];

    /// <summary>How many of them stand on a page.</summary>
    public int PageSize { get; set; } = 1000;

    /// <summary>Whether its pages end.</summary>
    public bool HasEnd { get; set; } = true;

    /// <summary>Whether it answers with a list at all.</summary>
    public bool HasList { get; set; } = true;

    /// <summary>How often it was asked for its tools.</summary>
    public int Lists { get; private set; }

    /// <summary>What it answers everything with, in the place of all else.</summary>
    public int? Status { get; set; }

    public string Url => _upstream.Url;

    public Upstream Upstream => _upstream;

    public static string Tool(string name, string description = "Does it.", string annotations = "{}") =>
        $$$"""{"name":"{{{name}}}","description":{{{JsonSerializer.Serialize(description)}}},"inputSchema":{"type":"object","properties":{"a":{"type":"number"},"b":{"type":"string"} } },"annotations":{{{annotations}}} }""";

    public static async Task<ScriptedServer> StartAsync(params string[] tools)
    {
        var server = new ScriptedServer { Tools = tools };
        server._upstream = await Upstream.StartAsync(server.AnswerAsync);
        return server;
    }

    public ValueTask DisposeAsync() => _upstream.DisposeAsync();

    private async Task AnswerAsync(HttpContext context)
    {
        if (Status is { } status)
        {
            context.Response.StatusCode = status;
            return;
        }

        if (!HttpMethods.IsPost(context.Request.Method))
        {
            context.Response.StatusCode = StatusCodes.Status405MethodNotAllowed;
            return;
        }

        var message = (await JsonNode.ParseAsync(context.Request.Body))!.AsObject();
        if (message["id"] is not { } id)
        {
            context.Response.StatusCode = StatusCodes.Status202Accepted;
            return;
        }

        var answer = (string?)message["method"] switch
        {
            "initialize" => """{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"scripted","version":"7.1"}}""",
            "tools/list" => List((string?)message["params"]?["cursor"]),
            "tools/call" => """{"content":[{"type":"text","text":"done"}]}""",
            _ => null,
        };
        context.Response.ContentType = "application/json";
        await context.Response.WriteAsync(answer is null
            ? $$"""{"jsonrpc":"2.0","id":{{id.ToJsonString()}},"error":{"code":-32601,"message":"Method not found"} }"""
            : $$"""{"jsonrpc":"2.0","id":{{id.ToJsonString()}},"result":{{answer}} }""");
    }

    private string List(string? cursor)
    {
        Lists++;
        if (!HasList)
        {
            return "{\"tools\":7}";
        }

        var from = cursor is null ? 0 : int.Parse(cursor, System.Globalization.CultureInfo.InvariantCulture);
        var next = from + PageSize < Tools.Count || !HasEnd ? $",\"nextCursor\":\"{from + PageSize}\"" : "";
        return $"{{\"tools\":[{string.Join(',', Tools.Skip(from).Take(PageSize))}]{next}}}";
    }
}
