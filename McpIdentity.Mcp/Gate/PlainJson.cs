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

    private static ReadOnlySpan<byte> DataLine => "data: "u8;

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

        var answer = buffer.GetBuffer().AsMemory(0, (int)buffer.Length);
        var response = context.Response;
        if (response.ContentType?.StartsWith(EventStream, StringComparison.OrdinalIgnoreCase) == true)
        {
            answer = LastMessage(answer);
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

    // The response is the last event: notifications about the request come before it. The SDK writes a message on one line.
    private static Memory<byte> LastMessage(Memory<byte> stream)
    {
        var start = stream.Span.LastIndexOf(DataLine);
        while (start > 0 && stream.Span[start - 1] != (byte)'\n')
        {
            start = stream.Span[..start].LastIndexOf(DataLine);
        }

        if (start < 0)
        {
            return default;
        }

        var message = stream[(start + DataLine.Length)..];
        var end = message.Span.IndexOfAny((byte)'\r', (byte)'\n');
        return end < 0 ? message : message[..end];
    }
}
