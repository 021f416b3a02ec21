using Microsoft.AspNetCore.Antiforgery;

namespace McpIdentity.Server.Pages;

/// <summary>
/// Whether a form is this browser's own, made for the person who sits there now. It is not when another site has sent it; far
/// more often somebody has signed in or out in another tab, or the browser has lost the cookie. Each page says what it does then:
/// nothing of what the form asks for, and nothing that blames the app.
/// </summary>
internal static partial class FormTokens
{
    public static async Task<bool> IsOwnFormAsync(this HttpContext context)
    {
        if (await context.RequestServices.GetRequiredService<IAntiforgery>().IsRequestValidAsync(context))
        {
            return true;
        }

        OutOfDate(context.RequestServices.GetRequiredService<ILoggerFactory>().CreateLogger(typeof(FormTokens).FullName!), context.Request.Path, ReferenceId.For(context));
        return false;
    }

    [LoggerMessage(1412, LogLevel.Information,
        "A form for {Path} was not followed: it was made before something changed in this browser, or by another site. Reference: {Reference}")]
    private static partial void OutOfDate(ILogger logger, string path, string reference);
}
