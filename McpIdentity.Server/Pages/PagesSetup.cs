using System.Security.Cryptography;
using McpIdentity.Mcp;
using McpIdentity.Server.Hosting;
using McpIdentity.Server.Protocol;
using Microsoft.Extensions.Options;
using Microsoft.Net.Http.Headers;

namespace McpIdentity.Server.Pages;

/// <summary>Razor Pages beside the features they belong to, and the one style sheet.</summary>
internal static class PagesSetup
{
    // No script anywhere; no frame around us; nothing from elsewhere.
    private const string ContentSecurityPolicy =
        "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

    public static void AddPages(this WebApplicationBuilder builder) =>
        builder.Services.AddRazorPages(pages => pages.RootDirectory = "/");

    /// <summary>Headers that cost nothing on an API answer and protect a page.</summary>
    public static void UseSecurityHeaders(this WebApplication app) => app.Use((context, next) =>
    {
        var headers = context.Response.Headers;
        headers.ContentSecurityPolicy = ContentSecurityPolicy;
        headers.XContentTypeOptions = "nosniff";
        headers["Referrer-Policy"] = "no-referrer";
        headers["Cross-Origin-Opener-Policy"] = "same-origin";
        // Antiforgery wants no-cache on every page with a form, and warns in the log of each page where it has to add that.
        headers.CacheControl = ErrorHandling.IsForPeople(context.Request.Path) ? "no-cache, no-store" : "no-store";
        return next(context);
    });

    public static void MapPages(this WebApplication app)
    {
        app.MapRazorPages();

        using var stream = typeof(PagesSetup).Assembly.GetManifestResourceStream("site.css")!;
        using var buffer = new MemoryStream();
        stream.CopyTo(buffer);
        var css = buffer.ToArray();
        var tag = new EntityTagHeaderValue($"\"{Convert.ToHexStringLower(SHA256.HashData(css))[..16]}\"");
        app.MapGet(Paths.StyleSheet, (HttpContext http) =>
        {
            http.Response.Headers.CacheControl = "public, max-age=3600";
            return TypedResults.Bytes(css, "text/css; charset=utf-8", entityTag: tag);
        });
        app.MapGet(Paths.Home, (PublicAddress address, IOptions<McpOptions> mcp) => TypedResults.Text(
            $"McpIdentity, the authorization server of {address.Issuer}.{(mcp.Value.Enabled ? $" MCP endpoint: {address.Of(mcp.Value.Path)}" : "")}\n"));
    }
}
