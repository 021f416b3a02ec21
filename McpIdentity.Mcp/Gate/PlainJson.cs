using System.Net.ServerSentEvents;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace McpIdentity.Mcp.Gate;

/// <summary>
/// The SDK answers only as an event stream, and only to those who accept both forms. Who did not name event streams (a plain
/// curl, a script) gets the one JSON-RPC response out of the stream instead.
/// </summary>
internal static class PlainJson
{
    private const string Json = "application/json";
    private const string EventStream = "text/event-stream";

    // A stream without an end has no single answer.
    public static bool IsWanted(HttpRequest request, McpCall call) =>
        call.Method != McpMethods.Listen && !request.Headers.Accept.ToString().Contains(EventStream, StringComparison.OrdinalIgnoreCase);

    public static void AcceptBoth(HttpRequest request) => request.Headers.Accept = $"{Json}, {EventStream}";

    public static async Task RunAsync(HttpContext context, RequestDelegate next)
    {
        var original = context.Features.GetRequiredFeature<IHttpResponseBodyFeature>();
        using var buffer = new MemoryStream();
        var buffering = new StreamResponseBodyFeature(buffer);
        context.Features.Set<IHttpResponseBodyFeature>(buffering);
        try
        {
            await next(context);
            await buffering.CompleteAsync();
        }
        finally
        {
            context.Features.Set(original);
        }

        ReadOnlyMemory<byte> answer = buffer.GetBuffer().AsMemory(0, (int)buffer.Length);
        var response = context.Response;
        if (response.ContentType?.StartsWith(EventStream, StringComparison.OrdinalIgnoreCase) == true)
        {
            answer = ResponseIn(buffer);
            response.ContentType = Json;
            response.Headers.ContentEncoding = default;
            response.Headers.Remove("X-Accel-Buffering");
        }

        if (answer.Length > 0)
        {
            response.ContentLength = answer.Length;
            await response.Body.WriteAsync(answer, context.RequestAborted);
        }
    }

    // Notifications about the request may come before the response, and after it.
    private static ReadOnlyMemory<byte> ResponseIn(MemoryStream stream)
    {
        stream.Position = 0;
        var last = Array.Empty<byte>();
        foreach (var item in SseParser.Create(stream, static (_, data) => data.ToArray()).Enumerate().Where(item => item.Data.Length > 0))
        {
            last = item.Data;
            if (IsResponse(item.Data))
            {
                break;
            }
        }

        return last;
    }

    private static bool IsResponse(byte[] message)
    {
        try
        {
            using var document = JsonDocument.Parse(message);
            return document.RootElement.ValueKind == JsonValueKind.Object && !document.RootElement.TryGetProperty("method", out _);
        }
        catch (JsonException)
        {
            return false;
        }
    }
}
