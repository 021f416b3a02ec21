using System.Globalization;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace McpIdentity.Mcp.Gate;

/// <summary>Reads a request's body once, into memory, and lays it out again for the SDK.</summary>
internal static class RequestBody
{
    public const int MaxBytes = 4 * 1024 * 1024;

    private const int SmallBytes = 64 * 1024;

    /// <summary>What to tell whose body is too large: the server in front of us may have a narrower bound.</summary>
    public static string TooLarge(HttpContext context)
    {
        var bound = context.Features.Get<IHttpMaxRequestBodySizeFeature>()?.MaxRequestBodySize ?? MaxBytes;
        return string.Create(CultureInfo.InvariantCulture, $"The body is larger than {Math.Min(bound, MaxBytes):N0} bytes");
    }

    /// <summary>Whether a body may come that was not announced (HTTP/2).</summary>
    public static bool MayFollow(HttpContext context) => context.Features.Get<IHttpRequestBodyDetectionFeature>()?.CanHaveBody == true;

    /// <summary>Null when the body is too large.</summary>
    public static async ValueTask<byte[]?> ReadAsync(HttpRequest request, CancellationToken cancellationToken)
    {
        if (request.ContentLength > MaxBytes)
        {
            return null;
        }

        if (request.ContentLength is <= SmallBytes and { } length)
        {
            var body = new byte[length];
            await request.Body.ReadExactlyAsync(body, cancellationToken);
            return body;
        }

        // The buffer grows with what has arrived: Content-Length may announce more than ever comes.
        using var buffer = new MemoryStream();
        var chunk = new byte[16 * 1024];
        while (await request.Body.ReadAsync(chunk, cancellationToken) is var read and > 0)
        {
            if (buffer.Length + read > MaxBytes)
            {
                return null;
            }

            buffer.Write(chunk, 0, read);
        }

        return buffer.ToArray();
    }

    public static void LayOut(HttpRequest request, byte[] body)
    {
        request.Body = new MemoryStream(body, writable: false);
        request.ContentLength = body.Length;
        // The bytes were judged as UTF-8: a charset parameter must not make the SDK read others.
        request.ContentType = "application/json";
    }

    /// <summary>
    /// A browser sends a form or plain text across sites without asking; with an Authorization header it must ask first, so
    /// then any type is read as JSON (docs/interoperability.md, "Any content type with a token").
    /// </summary>
    public static bool IsAcceptableType(HttpRequest request) => request.HasJsonContentType() || request.Headers.Authorization.Count > 0;
}
