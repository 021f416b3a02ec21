using System.Collections.Concurrent;
using System.Collections.Frozen;
using System.Security.Cryptography;
using McpIdentity.Mcp;
using McpIdentity.Server.Protocol;
using Microsoft.Extensions.Options;
using Microsoft.Net.Http.Headers;

namespace McpIdentity.Server.Discovery;

/// <summary>
/// Metadata and key set as prepared bytes: OpenIddict writes each once, every later request is answered from memory
/// before authentication. Nothing in them depends on the request (<c>UsePublicAddress</c>) but the name
/// of a developer's tunnel, which has documents of its own.
/// </summary>
internal sealed class MetadataCache(PublicAddress address, IOptions<McpOptions> mcp)
{
    // Six paths and the key set, for a handful of tunnels.
    private const int Limit = 64;

    private readonly FrozenSet<string> _paths =
        Paths.ServerMetadata(mcp.Value.Path).Append(Paths.KeySet).ToFrozenSet(StringComparer.Ordinal);

    private volatile ConcurrentDictionary<string, Document> _documents = new(StringComparer.Ordinal);

    /// <summary>
    /// Called when a key changes: the next request has the documents written anew. What a request that is under way writes of
    /// the old keys goes with the old collection.
    /// </summary>
    public void Clear() => _documents = new(StringComparer.Ordinal);

    public async Task InvokeAsync(HttpContext context, RequestDelegate next)
    {
        var path = context.Request.Path.Value ?? "";
        if (!_paths.Contains(path) || !(HttpMethods.IsGet(context.Request.Method) || HttpMethods.IsHead(context.Request.Method)))
        {
            await next(context);
            return;
        }

        var documents = _documents;
        var key = address.IsConfigured ? path : address.UrlOf(path);
        if (!documents.TryGetValue(key, out var document))
        {
            document = await WriteAsync(context, next);
            if (document is null)
            {
                return;
            }

            if (documents.Count >= Limit)
            {
                documents.Clear();
            }

            documents[key] = document;
        }

        await SendAsync(context, document);
    }

    private static async Task<Document?> WriteAsync(HttpContext context, RequestDelegate next)
    {
        var (response, method, query, body) = (context.Response, context.Request.Method, context.Request.QueryString, context.Response.Body);
        using var buffer = new MemoryStream();
        response.Body = buffer;
        // A parameter of one caller must not shape what all others read.
        (context.Request.Method, context.Request.QueryString) = (HttpMethods.Get, QueryString.Empty);
        try
        {
            await next(context);
        }
        finally
        {
            (context.Request.Method, context.Request.QueryString, response.Body) = (method, query, body);
        }

        var bytes = buffer.ToArray();
        if (response.StatusCode != StatusCodes.Status200OK)
        {
            await body.WriteAsync(bytes);
            return null;
        }

        return new Document(bytes, $"\"{Convert.ToHexStringLower(SHA256.HashData(bytes))[..16]}\"");
    }

    private static Task SendAsync(HttpContext context, Document document)
    {
        var headers = context.Response.Headers;
        headers.CacheControl = "public, max-age=300";
        headers.ETag = document.Tag;
        if (context.Request.Headers.IfNoneMatch is { Count: > 0 } known && known.ToString().Contains(document.Tag, StringComparison.Ordinal))
        {
            context.Response.StatusCode = StatusCodes.Status304NotModified;
            headers.Remove(HeaderNames.ContentType);
            return Task.CompletedTask;
        }

        context.Response.ContentType = "application/json";
        context.Response.ContentLength = document.Bytes.Length;
        return HttpMethods.IsHead(context.Request.Method) ? Task.CompletedTask : context.Response.Body.WriteAsync(document.Bytes).AsTask();
    }

    private sealed record Document(byte[] Bytes, string Tag);
}
