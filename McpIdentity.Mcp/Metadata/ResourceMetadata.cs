using System.Buffers;
using System.Security.Cryptography;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.Net.Http.Headers;

namespace McpIdentity.Mcp.Metadata;

/// <summary>Tells clients where to get a token for this resource (RFC 9728). The bytes are prepared: they never change while we run.</summary>
internal sealed class ResourceMetadata
{
    public const string WellKnown = "/.well-known/oauth-protected-resource";

    private readonly byte[] _document;
    private readonly EntityTagHeaderValue _tag;

    /// <param name="options">Of the endpoint.</param>
    /// <param name="jwt">Whose JWTs it takes too.</param>
    /// <param name="scopes">What clients are told to ask for.</param>
    /// <param name="name">What it is called.</param>
    public ResourceMetadata(McpOptions options, ExternalJwtOptions jwt, IReadOnlyList<string> scopes, string name)
    {
        _document = Write(options, Issuers(options, jwt), scopes, name);
        _tag = new EntityTagHeaderValue($"\"{Convert.ToHexStringLower(SHA256.HashData(_document).AsSpan(0, 16))}\"");
    }

    public async Task ServeAsync(HttpContext context)
    {
        var headers = context.Response.GetTypedHeaders();
        headers.ETag = _tag;
        context.Response.Headers.CacheControl = "public, max-age=300";
        context.Response.Headers.AccessControlAllowOrigin = "*"; // public, and read by clients that run in browsers
        if (context.Request.GetTypedHeaders().IfNoneMatch.Any(tag => tag.Compare(_tag, useStrongComparison: false) || tag.Equals(EntityTagHeaderValue.Any)))
        {
            context.Response.StatusCode = StatusCodes.Status304NotModified;
            return;
        }

        context.Response.ContentType = "application/json";
        context.Response.ContentLength = _document.Length;
        if (!HttpMethods.IsHead(context.Request.Method))
        {
            await context.Response.Body.WriteAsync(_document, context.RequestAborted);
        }
    }

    // An issuer of JWTs can be named only if it is a URL; a shared secret has no server to send people to.
    private static string[] Issuers(McpOptions options, ExternalJwtOptions jwt)
    {
        var foreign = jwt.All.Select(issuer => issuer.ExpectedIssuer).OfType<string>()
            .Where(issuer => issuer.StartsWith("https://", StringComparison.Ordinal) || issuer.StartsWith("http://", StringComparison.Ordinal));
        return
        [
            .. options.Auth.AcceptsOAuth ? [options.Auth.OAuth.Issuer!] : Enumerable.Empty<string>(),
            .. options.Auth.AcceptsJwt ? foreign : [],
        ];
    }

    private static byte[] Write(McpOptions options, string[] issuers, IReadOnlyList<string> scopes, string name)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using var writer = new Utf8JsonWriter(buffer);
        writer.WriteStartObject();
        writer.WriteString("resource", options.Resource);
        if (issuers.Length > 0)
        {
            WriteArray(writer, "authorization_servers", issuers);
        }

        // Small on purpose, without mcp:admin and offline_access: clients ask for all that stands here.
        var required = options.Auth.Jwt.RequiredScopes;
        WriteArray(writer, "scopes_supported", options.Auth.AuthType == McpAuthType.Jwt && required.Count > 0 ? required : scopes);
        WriteArray(writer, "bearer_methods_supported", ["header"]);
        writer.WriteString("resource_name", name);
        writer.WriteEndObject();
        writer.Flush();
        return buffer.WrittenSpan.ToArray();
    }

    private static void WriteArray(Utf8JsonWriter writer, string name, IEnumerable<string> values)
    {
        writer.WriteStartArray(name);
        foreach (var value in values)
        {
            writer.WriteStringValue(value);
        }

        writer.WriteEndArray();
    }
}
