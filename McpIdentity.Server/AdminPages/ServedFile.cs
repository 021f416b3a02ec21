using System.Security.Cryptography;
using McpIdentity.Server.Protocol;
using Microsoft.Net.Http.Headers;

namespace McpIdentity.Server.AdminPages;

/// <summary>A file of the console that is part of the program: its address changes with its bytes, so that a browser may keep it for long.</summary>
internal sealed class ServedFile
{
    private readonly Lazy<byte[]> _bytes;
    private readonly Lazy<string> _tag;
    private readonly string _path;
    private readonly string _type;

    private ServedFile(string path, string resource, string type)
    {
        (_path, _type) = (path, type);
        _bytes = new(() => Read(resource)); // a server whose console nobody opens reads none
        _tag = new(() => Convert.ToHexStringLower(SHA256.HashData(_bytes.Value).AsSpan(0, 8)));
    }

    /// <summary>htmx, as its makers publish it: pages are updated in part. Each works without.</summary>
    public static ServedFile Script { get; } = new(Paths.ConsoleScript, "htmx.min.js", "text/javascript; charset=utf-8");

    /// <summary>What the console looks like, beside the style sheet of all pages.</summary>
    public static ServedFile Style { get; } = new(Paths.ConsoleStyle, "console.css", "text/css; charset=utf-8");

    /// <summary>For the pages.</summary>
    public string Address => $"{_path}?{_tag.Value}";

    public void Map(WebApplication app) => app.Map(_path, (HttpContext http) =>
    {
        http.Response.Headers.CacheControl = http.Request.QueryString.Value == "?" + _tag.Value ? "public, max-age=31536000, immutable" : "public, max-age=3600";
        return TypedResults.Bytes(_bytes.Value, _type, entityTag: new EntityTagHeaderValue($"\"{_tag.Value}\""));
    }).WithAddress(new AddressAttribute(Reader.Programs, "GET HEAD") { WithoutOAuth = true });

    private static byte[] Read(string resource)
    {
        using var stream = typeof(ServedFile).Assembly.GetManifestResourceStream(resource)!;
        using var bytes = new MemoryStream();
        stream.CopyTo(bytes);
        return bytes.ToArray();
    }
}
