using System.Text.Json;
using Microsoft.Extensions.Logging;
using ModelContextProtocol;
using ModelContextProtocol.Protocol;
using ModelContextProtocol.Server;
using DescriptionAttribute = System.ComponentModel.DescriptionAttribute;

namespace McpIdentity.Tests.Conformance;

#pragma warning disable MCP9005 // Sampling, roots and logging are deprecated since 2026-07-28; scenarios ask for them all the same.
/// <summary>The tools that the conformance suite calls: each answers with one kind of content, or behaves in one way.</summary>
internal sealed class FixtureTools
{
    // A picture of one red pixel, and a sound without samples.
    public static readonly byte[] Picture = Convert.FromBase64String("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==");
    private static readonly byte[] Sound = Convert.FromBase64String("UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAA=");

    [McpServerTool(Name = "test_simple_text"), Description("Answers with text")]
    public static string Text() => "This is a simple text response for testing.";

    [McpServerTool(Name = "test_image_content"), Description("Answers with a picture")]
    public static ImageContentBlock Image() => ImageContentBlock.FromBytes(Picture, "image/png");

    [McpServerTool(Name = "test_audio_content"), Description("Answers with a sound")]
    public static AudioContentBlock Audio() => AudioContentBlock.FromBytes(Sound, "audio/wav");

    [McpServerTool(Name = "test_embedded_resource"), Description("Answers with a resource")]
    public static EmbeddedResourceBlock Resource() => Embed("test://embedded-resource", "text/plain", "This is an embedded resource content.");

    [McpServerTool(Name = "test_multiple_content_types"), Description("Answers with text, a picture and a resource")]
    public static ContentBlock[] Several() =>
    [
        new TextContentBlock { Text = "Multiple content types test:" },
        Image(),
        Embed("test://mixed-content-resource", "application/json", """{"test":"data","value":123}"""),
    ];

    [McpServerTool(Name = "test_error_handling"), Description("Fails")]
    public static string Error() => throw new McpException("This tool intentionally returns an error for testing");

    /// <summary>Up to 2025-11-25 a server may log to a client that has set no level; the SDK's own logger waits for one, which a stateless server forgets.</summary>
    [McpServerTool(Name = "test_tool_with_logging"), Description("Logs three lines")]
    public static async Task<string> LogThriceAsync(McpServer server, CancellationToken cancellationToken)
    {
        foreach (var line in (string[])["Tool execution started", "Tool processing data", "Tool execution completed"])
        {
            var message = new LoggingMessageNotificationParams { Level = LoggingLevel.Info, Logger = "conformance", Data = JsonSerializer.SerializeToElement(line) };
            await server.SendNotificationAsync(NotificationMethods.LoggingMessageNotification, message, cancellationToken: cancellationToken);
        }

        return "Tool with logging executed successfully";
    }

    /// <summary>Logs to a client that may not have asked for it.</summary>
    [McpServerTool(Name = "test_logging_tool"), Description("Logs to those who asked")]
    public static string Log(McpServer server)
    {
        server.AsClientLoggerProvider().CreateLogger("conformance").LogInformation("test_logging_tool executed");
        return "Logged, for those who asked.";
    }

    [McpServerTool(Name = "test_tool_with_progress"), Description("Reports progress")]
    public static async Task<string> ProgressAsync(RequestContext<CallToolRequestParams> context, CancellationToken cancellationToken)
    {
        if (context.Params.ProgressToken is not { } token)
        {
            return "No progress token provided";
        }

        foreach (var progress in (int[])[0, 50, 100])
        {
            await context.Server.NotifyProgressAsync(token, new ProgressNotificationValue { Progress = progress, Total = 100 }, cancellationToken: cancellationToken);
        }

        return token.ToString()!;
    }

    [McpServerTool(Name = "test_missing_capability"), Description("Needs a client that samples")]
    public static string NeedSampling(McpServer server) => server.ClientCapabilities?.Sampling is not null
        ? "The client can sample."
        : throw new MissingRequiredClientCapabilityException(new ClientCapabilities { Sampling = new() }, "the client has not declared sampling");

    /// <summary>In the stream of its answer no request of the server's own may appear.</summary>
    [McpServerTool(Name = "test_streaming_elicitation"), Description("Answers and asks nothing")]
    public static string AnswerOnly() => "Nothing was asked.";

    /// <summary>For the scenarios that lose the stream on the way.</summary>
    [McpServerTool(Name = "test_reconnection"), Description("Answers")]
    public static string Reconnect() => "Reconnection test completed successfully";

    [McpServerTool(Name = "test_header_tool"), Description("Takes an argument that a header repeats")]
    public static string Header([McpHeader("Region")] string region, string query) => $"{query} in {region}";

    /// <summary>A schema with words of JSON Schema 2020-12 that have to arrive as they are.</summary>
    public static McpServerTool WithSchema()
    {
        var tool = McpServerTool.Create(() => "Called", new McpServerToolCreateOptions { Name = "json_schema_2020_12_tool", Description = "JSON Schema 2020-12" });
        using var schema = JsonDocument.Parse("""
            {
              "$schema": "https://json-schema.org/draft/2020-12/schema",
              "type": "object",
              "$defs": {
                "address": { "$anchor": "addressDef", "type": "object", "properties": { "street": { "type": "string" }, "city": { "type": "string" } } }
              },
              "properties": {
                "name": { "type": "string" },
                "address": { "$ref": "#/$defs/address" },
                "contactMethod": { "type": "string", "enum": ["phone", "email"] },
                "phone": { "type": "string" },
                "email": { "type": "string" }
              },
              "allOf": [{ "anyOf": [{ "required": ["phone"] }, { "required": ["email"] }] }],
              "if": { "properties": { "contactMethod": { "const": "phone" } }, "required": ["contactMethod"] },
              "then": { "required": ["phone"] },
              "else": { "required": ["email"] },
              "additionalProperties": false
            }
            """);
        tool.ProtocolTool.InputSchema = schema.RootElement.Clone();
        return tool;
    }

    private static EmbeddedResourceBlock Embed(string uri, string type, string text) =>
        new() { Resource = new TextResourceContents { Uri = uri, MimeType = type, Text = text } };
}
