using McpIdentity.Server.Protocol;
using McpIdentity.Server.Settings;
using Microsoft.AspNetCore.Mvc.Controllers;
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
        builder.AddPageLanguage();
        builder.Services.AddSingleton<IValidateOptions<BrandingOptions>, BrandingRules>();
        builder.Services.AddSingleton<StyleSheet>();
        builder.Services.AddSingleton<ServedImages>();
        builder.Services.AddRazorPages(pages => pages.RootDirectory = "/").AddViewLocalization().AddMvcOptions(mvc =>
        {
            // Names like a[b] are nothing to our pages, and these throw on one that is not closed.
            mvc.ValueProviderFactories.RemoveType<JQueryFormValueProviderFactory>();
            mvc.ValueProviderFactories.RemoveType<JQueryQueryStringValueProviderFactory>();
        }).ConfigureApplicationPartManager(parts =>
        {
            // There are no controllers. To look for some loads every type of the server with all that it is made of, as OpenTelemetry, which few have switched on.
            foreach (var provider in parts.FeatureProviders.OfType<ControllerFeatureProvider>().ToList())
            {
                parts.FeatureProviders.Remove(provider);
            }
        });
        BoundProperties.Register(builder.Services);
        LatePages.Register(builder.Services);
    }

    public static void MapPages(this WebApplication app)
    {
        app.Services.GetRequiredService<StyleSheet>(); // its images are served from the first request on
        app.MapRazorPages(); // each says its address on its model
        app.MapImages();

        app.Map(Paths.StyleSheet, (HttpContext http, StyleSheet style) =>
        {
            http.Response.Headers.CacheControl = http.Request.QueryString.Value == "?" + style.Tag ? "public, max-age=31536000, immutable" : "public, max-age=3600";
            return TypedResults.Bytes(style.Bytes, "text/css; charset=utf-8", entityTag: new EntityTagHeaderValue($"\"{style.Tag}\""));
        }).WithAddress(new AddressAttribute(Reader.Programs, "GET HEAD") { AllowsHttp = true, WithoutOAuth = true });
    }
}
