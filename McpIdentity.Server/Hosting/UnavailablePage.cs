namespace McpIdentity.Server.Hosting;

/// <summary>What a person sees while a storage is out of reach: written without asking any of them.</summary>
internal static class UnavailablePage
{
    public static Task WriteAsync(HttpContext context)
    {
        context.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
        context.Response.ContentType = "text/html; charset=utf-8";
        context.Response.Headers.CacheControl = "no-store";
        context.Response.Headers.ContentSecurityPolicy = "default-src 'none'; style-src 'self'; img-src data:; frame-ancestors 'none'";
        return context.Response.WriteAsync($"""
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <title>One moment please</title>
            <link rel="icon" href="data:,">
            <link rel="stylesheet" href="/site.css">
            </head>
            <body><main><h1>One moment please</h1><p role="alert">This server cannot reach its storage right now.</p>
            <p>Load this page again in a few seconds; nothing is lost. Reference: <code>{ReferenceId.Of(context)}</code></p></main></body>
            </html>
            """);
    }
}
