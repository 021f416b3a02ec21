using McpIdentity.Server.Protocol;

namespace McpIdentity.Server.Sessions;

/// <summary>
/// Which provider somebody signed in with last in this browser: who has several accounts forgets which it was, and would be
/// somebody else here with another. Anybody can write the cookie, so that nothing is decided by it.
/// </summary>
internal static class LastProvider
{
    private static readonly TimeSpan Remembered = TimeSpan.FromDays(365);

    /// <returns>An id, perhaps of no provider.</returns>
    public static string? Of(HttpContext context) => context.Request.Cookies[NameIn(context)];

    public static void Remember(HttpContext context, string provider) => context.Response.Cookies.Append(NameIn(context), provider, new CookieOptions
    {
        HttpOnly = true,
        SameSite = SameSiteMode.Lax,
        Secure = AddressIn(context).IsHttps || context.Request.IsHttps,
        Path = "/",
        MaxAge = Remembered,
    });

    // RFC 6265bis §4.1.3.2, as the session's own cookie.
    private static string NameIn(HttpContext context) => AddressIn(context).IsHttps ? "__Host-mcpidentity-provider" : "mcpidentity-provider";

    private static PublicAddress AddressIn(HttpContext context) => context.RequestServices.GetRequiredService<PublicAddress>();
}
