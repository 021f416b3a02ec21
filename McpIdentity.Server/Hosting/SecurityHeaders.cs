using McpIdentity.Server.Protocol;

namespace McpIdentity.Server.Hosting;

/// <summary>Headers that cost nothing on an API answer and protect a page.</summary>
internal static class SecurityHeaders
{
    // No script anywhere; no frame around us; nothing from elsewhere.
    private const string ContentSecurityPolicy =
        "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

    public static void UseSecurityHeaders(this WebApplication app) => app.Use((context, next) =>
    {
        var headers = context.Response.Headers;
        headers.ContentSecurityPolicy = ContentSecurityPolicy;
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
