using System.Text.Json;
using System.Text.Unicode;

namespace McpIdentity.Mcp.Gate;

/// <summary>
/// One JSON-RPC message as the gate reads it. The SDK reads the same bytes afterwards, so whatever two readers could see
/// differently is refused: duplicate members, and members that differ from a control name only in case (the SDK binds
/// parameters without regard to case).
/// </summary>
internal sealed class McpCall
{
    public const int ParseError = -32700;
    public const int InvalidRequest = -32600;
    public const int InvalidParams = -32602;
    public const string VersionMember = "io.modelcontextprotocol/protocolVersion";

    // Each is judged.
    private const int MaxSubscriptions = 1000;

    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false };
    private static readonly string[] MessageMembers = ["jsonrpc", "id", "method", "params", "result", "error"];
    private static readonly string[] ParamsMembers = ["name", "arguments", "_meta", "uri", "protocolVersion", "ref"];
    private static readonly string[] MetaMembers = [VersionMember];
    private static readonly string[] ReferenceMembers = ["type", "name", "uri"];
    private static readonly string[] ListenMembers = ["notifications", "resourceSubscriptions"];

    /// <summary>The id as it stands in the message: a string or a number; null for everything else.</summary>
    public JsonElement? Id { get; private init; }

    public string? Method { get; private init; }

    /// <summary>Whether there are parameters at all; without, the SDK would take initialize for one with the usual ones.</summary>
    public bool HasParameters { get; private init; }

    /// <summary>The tool of <c>tools/call</c>.</summary>
    public string? Tool { get; private init; }

    /// <summary>Whether <c>Mcp-Name</c> repeats <see cref="Name"/>; of other methods it may repeat what only the SDK knows.</summary>
    public bool IsNamed { get; private init; }

    /// <summary>What <c>Mcp-Name</c> repeats: the name of a tool or prompt, the URI of a resource.</summary>
    public string? Name { get; private init; }

    /// <summary>What a completion is about (<c>params.ref</c>): the name of a prompt or the URI of a resource template.</summary>
    public string? Reference { get; private init; }

    /// <summary>Whether <see cref="Reference"/> is a prompt.</summary>
    public bool IsAboutPrompt { get; private init; }

    /// <summary>The resources that <c>subscriptions/listen</c> asks for news of; null where there is something else in their place, or there are more than a thousand.</summary>
    public IReadOnlyList<string>? Subscriptions { get; private init; } = [];

    /// <summary>What <c>MCP-Protocol-Version</c> repeats since 2026-07-28.</summary>
    public string? ProtocolVersion { get; private init; }

    /// <summary>What is said where the parameters are none of this method.</summary>
    public string WrongParameters => $"Invalid params: they are not those of {Method}";

    /// <summary>A request that has no body: the stream of a session, or its end. It needs what protected methods need.</summary>
    public static McpCall WithoutBody(string httpMethod) => new() { Method = httpMethod };

    /// <summary>Null when the body is no such message; then <paramref name="code"/> and <paramref name="problem"/> say why.</summary>
    public static McpCall? Read(ReadOnlyMemory<byte> body, out int code, out string problem)
    {
        (code, problem) = (ParseError, "Parse error: the body is not valid JSON, or repeats a member");
        if (!Utf8.IsValid(body.Span))
        {
            return null;
        }

        try
        {
            using var document = JsonDocument.Parse(body, Strict);
            (code, problem) = (InvalidRequest, "Invalid request: a string holds half of a surrogate pair");
            if (MayHoldSurrogates(body.Span))
            {
                ReadTexts(document.RootElement);
            }

            problem = "Invalid request: one JSON-RPC object is expected; batches are not supported";
            return document.RootElement.ValueKind == JsonValueKind.Object ? Read(document.RootElement, ref problem) : null;
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            return null; // InvalidOperationException: a string holds half of a surrogate pair
        }
    }

    private static McpCall? Read(JsonElement message, ref string problem)
    {
        var parameters = Member(message, "params", JsonValueKind.Object);
        var meta = Member(parameters, "_meta", JsonValueKind.Object);
        if (IsAmbiguous(message, MessageMembers) || IsAmbiguous(parameters, ParamsMembers) || IsAmbiguous(meta, MetaMembers))
        {
            problem = "Invalid request: member names are case-sensitive";
            return null;
        }

        if (message.TryGetProperty("method", out var said) && said.ValueKind != JsonValueKind.String)
        {
            problem = "Invalid request: the method must be a string";
            return null;
        }

        var method = Text(message, "method");
        var reference = method == McpMethods.Complete ? Member(parameters, "ref", JsonValueKind.Object) : default;
        var listening = method == McpMethods.Listen ? parameters : default;
        if (IsAmbiguous(reference, ReferenceMembers) || IsAmbiguous(listening, ListenMembers) || IsAmbiguous(Member(listening, ListenMembers[0], JsonValueKind.Object), ListenMembers))
        {
            problem = "Invalid request: member names are case-sensitive";
            return null;
        }

        var prompt = Text(reference, "name");
        return new McpCall
        {
            Id = message.TryGetProperty("id", out var id) && id.ValueKind is JsonValueKind.String or JsonValueKind.Number ? id.Clone() : null,
            Method = method,
            HasParameters = parameters.ValueKind == JsonValueKind.Object,
            Tool = method == McpMethods.ToolsCall ? Text(parameters, "name") : null,
            IsNamed = method is McpMethods.ToolsCall or McpMethods.PromptsGet or McpMethods.ResourcesRead,
            Name = Text(parameters, method is McpMethods.ResourcesRead or McpMethods.ResourcesSubscribe or McpMethods.ResourcesUnsubscribe ? "uri" : "name"),
            Reference = Text(reference, "type") == "ref/prompt" ? prompt : Text(reference, "uri") ?? prompt,
            IsAboutPrompt = Text(reference, "type") == "ref/prompt",
            Subscriptions = SubscriptionsOf(listening),
            ProtocolVersion = Text(meta, VersionMember),
        };
    }

    // RFC 7493 §2.1. It is valid JSON, and every reader behind fails at another moment: where it first asks for the text.
    private static bool MayHoldSurrogates(ReadOnlySpan<byte> body) => body.IndexOf("\\ud"u8) >= 0 || body.IndexOf("\\uD"u8) >= 0;

    private static void ReadTexts(JsonElement element)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.String:
                _ = element.GetString();
                break;
            case JsonValueKind.Array:
                foreach (var item in element.EnumerateArray())
                {
                    ReadTexts(item);
                }

                break;
            case JsonValueKind.Object:
                foreach (var member in element.EnumerateObject())
                {
                    _ = member.Name;
                    ReadTexts(member.Value);
                }

                break;
        }
    }

    private static bool IsAmbiguous(JsonElement element, string[] exact)
    {
        if (element.ValueKind != JsonValueKind.Object)
        {
            return false;
        }

        foreach (var member in element.EnumerateObject())
        {
            if (!IsOneOf(member, exact) && exact.Contains(Fold(member.Name), StringComparer.OrdinalIgnoreCase))
            {
                return true;
            }
        }

        return false;
    }

    // The two letters beyond ASCII that fold to one of it: encoding/json of Go takes them for it, .NET does not (Unicode, CaseFolding.txt).
    private static string Fold(string name) => name.Replace('\u017F', 's').Replace('\u212A', 'k');

    // NameEquals compares the bytes; the name becomes a string only for members that we do not know.
    private static bool IsOneOf(JsonProperty member, string[] names)
    {
        foreach (var name in names)
        {
            if (member.NameEquals(name))
            {
                return true;
            }
        }

        return false;
    }

    private static string[]? SubscriptionsOf(JsonElement listening) =>
        listening.ValueKind != JsonValueKind.Object || !listening.TryGetProperty(ListenMembers[0], out var wanted) || wanted.ValueKind == JsonValueKind.Null ? []
        : wanted.ValueKind != JsonValueKind.Object ? null
        : !wanted.TryGetProperty(ListenMembers[1], out var resources) || resources.ValueKind == JsonValueKind.Null ? []
        : resources.ValueKind == JsonValueKind.Array && resources.GetArrayLength() <= MaxSubscriptions && resources.EnumerateArray().All(resource => resource.ValueKind == JsonValueKind.String) ? [.. resources.EnumerateArray().Select(resource => resource.GetString()!)]
        : null;

    private static JsonElement Member(JsonElement element, string name, JsonValueKind kind) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out var value) && value.ValueKind == kind ? value : default;

    private static string? Text(JsonElement element, string name) =>
        Member(element, name, JsonValueKind.String) is { ValueKind: JsonValueKind.String } value ? value.GetString() : null;
}
