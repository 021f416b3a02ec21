using System.Text;
using System.Text.Json.Nodes;
using McpIdentity.Mcp.Credentials;
using McpIdentity.Mcp.Gate;
using McpIdentity.Mcp.Sessions;
using McpIdentity.Migrations;
using McpIdentity.Server.Catalogue;
using McpIdentity.Server.Connections;
using McpIdentity.Server.Keys;
using Microsoft.EntityFrameworkCore;

namespace McpIdentity.Server.Gateway;

/// <summary>
/// Answers in the place of a server at which the caller has connected no account yet: a client can begin, and sees the tools that are known of it,
/// or one of ours where there are none; with the first call its person is given a link, in the way that the client understands.
/// </summary>
internal sealed class Unconnected(ConnectionLinks links, UpstreamSessions sessions, EncryptionKeys keys, IServiceScopeFactory scopes)
{
    /// <summary>What the session of a client is called that began so: there is none at the server.</summary>
    public const string Session = "mcpidentity:not-connected";

    /// <summary>The tool that stands in an empty list: a client whose list is empty calls nothing, and would never ask.</summary>
    public const string Tool = "connect_my_account";

    private const string Purpose = "connection rounds";
    private const string Question = "connect";
    private const string First2026 = "2026-07-28"; // revisions are dates
    private const int UrlElicitationRequired = -32042; // MCP 2025-11-25, elicitation
    private const int Failed = -32000;

    private static readonly string[] Initialized = ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"];
    private static readonly string[] Asking = [McpMethods.ToolsCall, McpMethods.PromptsGet, McpMethods.ResourcesRead];

    /// <summary>
    /// Takes the answer to a question of ours out of a message before it goes on: the server behind knows nothing of it. That the question was ours is
    /// all that its sealed state says; whether the account is connected is looked up.
    /// </summary>
    public LinkAnswer TakeAnswer(HttpRequest request)
    {
        var bytes = request.Body is MemoryStream body ? body.ToArray() : [];
        if (bytes.AsSpan().IndexOf("\"requestState\""u8) < 0 ||
            JsonNode.Parse(bytes) is not JsonObject message || message["params"] is not JsonObject parameters ||
            parameters["requestState"] is not JsonValue state || !state.TryGetValue(out string? text) || keys.Unprotect(Purpose, text) is null)
        {
            return LinkAnswer.None;
        }

        var isTaken = parameters["inputResponses"] is JsonObject all && all[Question] is JsonObject answer && answer["action"] is JsonValue action && action.TryGetValue(out string? word) && word == "accept";
        parameters.Remove("requestState");
        parameters.Remove("inputResponses");
        RequestBody.LayOut(request, Encoding.UTF8.GetBytes(message.ToJsonString()));
        return isTaken ? LinkAnswer.Taken : LinkAnswer.Declined;
    }

    public async Task AnswerAsync(HttpContext context, FrontedServer server, FrontedRules rules, McpCall call, VerifiedCaller caller, LinkAnswer before, string? scope)
    {
        if (!HttpMethods.IsPost(context.Request.Method))
        {
            context.Response.Headers.Allow = "POST";
            context.Response.StatusCode = StatusCodes.Status405MethodNotAllowed; // no stream, and no session to end
            return;
        }

        if (call.Id is null)
        {
            context.Response.StatusCode = StatusCodes.Status202Accepted;
            return;
        }

        var isModern = IsModern(call);
        if (scope is not null)
        {
            await AskAsync(context, server, call, caller, before, scope, isModern); // the server is there, and would have answered itself
            return;
        }

        switch (call.Method)
        {
            case McpMethods.Initialize:
                context.Response.Headers[OpenSessions.Header] = sessions.Seal(Session, server, caller);
                await WriteAsync(context, call, new JsonObject
                {
                    ["protocolVersion"] = Initialized.Contains(ParametersOf(context)?["protocolVersion"]?.ToString()) ? ParametersOf(context)!["protocolVersion"]!.ToString() : Initialized[0],
                    ["capabilities"] = new JsonObject { ["tools"] = new JsonObject() },
                    ["serverInfo"] = new JsonObject { ["name"] = server.DisplayName, ["version"] = "1" },
                    ["instructions"] = Say(server, links.PageOf(server.Name)),
                });
                break;
            case "server/discover":
                await WriteAsync(context, call, new JsonObject
                {
                    ["resultType"] = "complete",
                    ["supportedVersions"] = new JsonArray([First2026, .. Initialized]),
                    ["capabilities"] = new JsonObject { ["tools"] = new JsonObject() },
                    ["serverInfo"] = new JsonObject { ["name"] = server.DisplayName, ["version"] = "1" },
                    ["instructions"] = Say(server, links.PageOf(server.Name)),
                    ["ttlMs"] = 0,
                    ["cacheScope"] = "private",
                });
                break;
            case "ping" or "logging/setLevel":
                await WriteAsync(context, call, Complete([], isModern));
                break;
            case McpMethods.ToolsList or "prompts/list" or "resources/list" or "resources/templates/list":
                await WriteListAsync(context, server, rules, call, caller, isModern);
                break;
            default:
                await AskAsync(context, server, call, caller, before, scope: null, isModern);
                break;
        }
    }

    /// <summary>Answers a call of our own tool whose person has connected their account.</summary>
    public static Task SayConnectedAsync(HttpContext context, FrontedServer server, McpCall call) => WriteAsync(context, call, Complete(new JsonObject
    {
        ["content"] = new JsonArray(new JsonObject { ["type"] = "text", ["text"] = $"Your account at {server.DisplayName} is connected. List the tools again, or begin a new conversation: they are those of {server.DisplayName} now." }),
    }, IsModern(call)));

    private async Task AskAsync(HttpContext context, FrontedServer server, McpCall call, VerifiedCaller caller, LinkAnswer before, string? scope, bool isModern)
    {
        var link = links.For(server.Name, caller.Subject, scope);
        var says = scope is null ? Say(server, link) : $"{server.DisplayName} needs more than you have allowed there ({scope}). Open this address in a browser to connect your account with it, then try again: {link}";
        var elicitation = new JsonObject { ["mode"] = "url", ["elicitationId"] = Guid.NewGuid().ToString("N"), ["url"] = link, ["message"] = scope is null ? $"{server.DisplayName} needs your own account there. Connect it, then try again." : $"{server.DisplayName} needs more than you have allowed there ({scope}). Connect your account with it, then try again." };
        var asks = Asking.Contains(call.Method);
        if (asks && isModern && Elicits(context) && before != LinkAnswer.Declined)
        {
            await WriteAsync(context, call, new JsonObject
            {
                ["resultType"] = "input_required",
                ["inputRequests"] = new JsonObject { [Question] = new JsonObject { ["method"] = "elicitation/create", ["params"] = elicitation } },
                ["requestState"] = keys.Protect(Purpose, Encoding.UTF8.GetBytes($"{server.Name} {caller.Subject}")),
            });
        }
        else if (asks && !isModern && context.Request.Headers["MCP-Protocol-Version"] == Initialized[0])
        {
            await JsonRpcError.WriteAsync(context, StatusCodes.Status200OK, UrlElicitationRequired, says, call.Id, writer =>
            {
                writer.WritePropertyName("data");
                new JsonObject { ["elicitations"] = new JsonArray(elicitation) }.WriteTo(writer);
            });
        }
        else if (call.Method == McpMethods.ToolsCall)
        {
            await WriteAsync(context, call, Complete(new JsonObject
            {
                ["content"] = new JsonArray(new JsonObject { ["type"] = "text", ["text"] = says }),
                ["isError"] = true,
            }, isModern));
        }
        else
        {
            await JsonRpcError.WriteAsync(context, StatusCodes.Status200OK, Failed, says, call.Id);
        }
    }

    private async Task WriteListAsync(HttpContext context, FrontedServer server, FrontedRules rules, McpCall call, VerifiedCaller caller, bool isModern)
    {
        var list = call.Method switch { McpMethods.ToolsList => "tools", "prompts/list" => "prompts", "resources/list" => "resources", _ => "resourceTemplates" };
        var entries = new JsonArray();
        if (call.Method == McpMethods.ToolsList)
        {
            await using var scope = scopes.CreateAsyncScope();
            var rows = await scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>().GatewayTools.Where(tool => tool.Server == server.Name && tool.Document != null)
                .OrderBy(tool => tool.Name).Select(tool => new { tool.Name, tool.Hash, tool.FirstHash, tool.ReviewedHash, tool.State, tool.Document }).ToListAsync(context.RequestAborted);
            // Each by its own row: another node may have seen a change that this one does not know yet.
            entries = new JsonArray([.. rows
                .Where(row => !new KnownTool(new CatalogueTool(row.Name, null, null, null, null, row.Hash), row.FirstHash, row.ReviewedHash, row.State).IsHeld(server.Options.Review))
                .Select(row => JsonNode.Parse(row.Document!))]);
        }

        var result = Complete(new JsonObject { [list] = entries }, isModern);
        if (isModern)
        {
            result["ttlMs"] = 0;
        }

        var filter = await rules.FilterForAsync(caller, isModern, context.RequestAborted, isOurs: true);
        var message = filter.Filter(Encoding.UTF8.GetBytes(Message(call, result).ToJsonString()))!.Value;
        if (call.Method == McpMethods.ToolsList && JsonNode.Parse(message.Span) is { } shown && shown["result"]!["tools"]!.AsArray() is { Count: 0 } none)
        {
            none.Add(new JsonObject
            {
                ["name"] = Tool,
                ["title"] = $"Connect your account at {server.DisplayName}",
                ["description"] = $"{server.DisplayName} needs the user's own account there, which is not connected. This gives the address at which the user connects it; the tools of {server.DisplayName} are in the list afterwards.",
                ["inputSchema"] = new JsonObject { ["type"] = "object" },
                ["annotations"] = new JsonObject { ["readOnlyHint"] = true },
            });
            message = Encoding.UTF8.GetBytes(shown.ToJsonString());
        }

        await WriteAsync(context, message);
    }

    private static bool IsModern(McpCall call) => string.CompareOrdinal(call.ProtocolVersion, First2026) >= 0;

    private static JsonObject Complete(JsonObject result, bool isModern)
    {
        if (isModern)
        {
            result["resultType"] = "complete";
        }

        return result;
    }

    private static string Say(FrontedServer server, string link) => $"{server.DisplayName} needs your own account there, which is not connected. Open this address in a browser to connect it, then try again: {link}";

    private static JsonObject? ParametersOf(HttpContext context) => context.Request.Body is MemoryStream body ? JsonNode.Parse(body.ToArray())?["params"] as JsonObject : null;

    private static bool Elicits(HttpContext context) =>
        ParametersOf(context)?["_meta"] is JsonObject meta && meta["io.modelcontextprotocol/clientCapabilities"] is JsonObject capabilities && capabilities["elicitation"] is JsonObject { } elicitation && elicitation["url"] is JsonObject;

    private static JsonObject Message(McpCall call, JsonObject result) => new() { ["jsonrpc"] = "2.0", ["id"] = JsonNode.Parse(call.Id!.Value.GetRawText()), ["result"] = result };

    private static Task WriteAsync(HttpContext context, McpCall call, JsonObject result) => WriteAsync(context, Encoding.UTF8.GetBytes(Message(call, result).ToJsonString()));

    private static async Task WriteAsync(HttpContext context, ReadOnlyMemory<byte> message)
    {
        context.Response.ContentType = "application/json";
        context.Response.ContentLength = message.Length;
        context.Response.Headers.CacheControl = "no-store";
        await context.Response.Body.WriteAsync(message, context.RequestAborted);
    }
}

/// <summary>What became of a link that was shown before.</summary>
internal enum LinkAnswer
{
    /// <summary>None was shown.</summary>
    None,

    /// <summary>The person opened it.</summary>
    Taken,

    /// <summary>They did not want to.</summary>
    Declined,
}
