using McpIdentity.Server.Protocol;

namespace McpIdentity.Server.Hosting;

/// <summary>Headers that cost nothing on an API answer and protect a page.</summary>
internal static class SecurityHeaders
{
    // No script anywhere; no frame around us; nothing from elsewhere.
    private const string ContentSecurityPolicy =
        "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

    // The console's one script is a file of ours; it may ask this server, and write no script into the page (CSP 3 §6.1).
    private const string WithOwnScript = ContentSecurityPolicy + "; script-src 'self'; connect-src 'self'";

    public static void UseSecurityHeaders(this WebApplication app) => app.Use((context, next) =>
    {
        var headers = context.Response.Headers;
        headers.ContentSecurityPolicy = context.GetAddress() is { HasScript: true } ? WithOwnScript : ContentSecurityPolicy;
        headers.XContentTypeOptions = "nosniff";
        headers["Referrer-Policy"] = "no-referrer";
        if (context.GetAddress() is not { KeepsOpener: true })
        {
            headers["Cross-Origin-Opener-Policy"] = "same-origin";
        }

        // Antiforgery wants no-cache on every page with a form, and warns in the log of each page where it has to add that.
        headers.CacheControl = context.IsForPeople() ? "no-cache, no-store" : "no-store";
        return next(context);
    });
}
