using System.Security.Cryptography;
using McpIdentity.Mcp;
using McpIdentity.Server.Protocol;
using Microsoft.AspNetCore.Mvc.ModelBinding;
using Microsoft.Extensions.Options;
using Microsoft.Net.Http.Headers;

namespace McpIdentity.Server.Pages;

/// <summary>
/// What every page shares: layout, style sheet, the error page and its words, the page that goes on by itself. The pages
/// themselves stand beside the features that they belong to.
/// </summary>
internal static class PagesSetup
{
    public static void AddPages(this WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton<ServedImages>();
        builder.Services.AddRazorPages(pages => pages.RootDirectory = "/").AddMvcOptions(mvc =>
        {
            // Names like a[b] are nothing to our pages, and these throw on one that is not closed.
            mvc.ValueProviderFactories.RemoveType<JQueryFormValueProviderFactory>();
            mvc.ValueProviderFactories.RemoveType<JQueryQueryStringValueProviderFactory>();
        });
    }

    public static void MapPages(this WebApplication app)
    {
        app.MapRazorPages(); // each says its address on its model
        app.MapImages();

        using var stream = typeof(PagesSetup).Assembly.GetManifestResourceStream("site.css")!;
        using var buffer = new MemoryStream();
        stream.CopyTo(buffer);
        var css = buffer.ToArray();
        var tag = new EntityTagHeaderValue($"\"{Convert.ToHexStringLower(SHA256.HashData(css))[..16]}\"");
        app.Map(Paths.StyleSheet, (HttpContext http) =>
        {
            http.Response.Headers.CacheControl = "public, max-age=3600";
            return TypedResults.Bytes(css, "text/css; charset=utf-8", entityTag: tag);
        }).WithAddress(new AddressAttribute(Reader.Programs, "GET HEAD") { AllowsHttp = true, WithoutOAuth = true });
        app.Map(Paths.Home, (PublicAddress address, IOptions<McpOptions> mcp) => TypedResults.Text(
            $"McpIdentity, the authorization server of {address.Issuer}.{(mcp.Value.Enabled ? $" MCP endpoint: {address.UrlOf(mcp.Value.Path)}" : "")}\n"))
            .WithAddress(new AddressAttribute(Reader.Programs, "GET HEAD") { AllowsHttp = true, WithoutOAuth = true });
    }
}
