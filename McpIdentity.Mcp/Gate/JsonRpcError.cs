using System.Buffers;
using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace McpIdentity.Mcp.Gate;

/// <summary>Writes a JSON-RPC error as the body of an HTTP error.</summary>
internal static class JsonRpcError
{
    /// <summary>As the SDKs have it.</summary>
    public const int SessionNotFound = -32001;

    public static async Task WriteAsync(
        HttpContext context, int status, int code, string message, JsonElement? id = null, Action<Utf8JsonWriter>? data = null)
    {
        var buffer = new ArrayBufferWriter<byte>(256);
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartObject();
            writer.WriteString("jsonrpc", "2.0");
            writer.WritePropertyName("id");
            if (id is { } known)
            {
                known.WriteTo(writer);
            }
            else
            {
                writer.WriteNullValue(); // JSON-RPC 2.0 §5: null when there is none, not absent
            }

            writer.WriteStartObject("error");
            writer.WriteNumber("code", code);
            writer.WriteString("message", message);
            data?.Invoke(writer);
            writer.WriteEndObject();
            writer.WriteEndObject();
        }

        var response = context.Response;
        response.StatusCode = status;
        response.ContentType = "application/json";
        response.ContentLength = buffer.WrittenCount;
        response.Headers.CacheControl = "no-store";
        await response.Body.WriteAsync(buffer.WrittenMemory, context.RequestAborted);
    }
}
