using McpIdentity.Migrations;

namespace McpIdentity.Server.Account;

/// <summary>
/// "Firefox" and "Windows" of a User-Agent header (RFC 9110 §10.1.5), which anybody can write as they like: a help to recognise one's
/// own, and no proof. The usual ones; of others a person sees the beginning of the header.
/// </summary>
internal static class BrowserNames
{
    private const int MaxRaw = 60;

    // In this order: Edge and Opera call themselves Chrome too, Chrome calls itself Safari.
    private static readonly (string Mark, string Name)[] Browsers =
    [
        ("Edg", "Edge"), ("OPR/", "Opera"), ("SamsungBrowser/", "Samsung Internet"), ("Firefox/", "Firefox"), ("FxiOS/", "Firefox"),
        ("CriOS/", "Chrome"), ("Chrome/", "Chrome"), ("Safari/", "Safari"),
    ];

    private static readonly (string Mark, string Name)[] Systems =
    [
        ("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("Windows", "Windows"), ("CrOS", "ChromeOS"), ("Mac OS X", "macOS"), ("Linux", "Linux"),
    ];

    /// <returns>The browser, and the system where it says one; for an unknown browser the beginning of what it calls itself; null where there is nothing.</returns>
    public static (string Browser, string? System)? Of(string? userAgent)
    {
        if (StorableText.ForDisplay(userAgent, MaxRaw) is not { } beginning)
        {
            return null;
        }

        return NameIn(Browsers, userAgent!) is { } browser ? (browser, NameIn(Systems, userAgent!))
            : (beginning.Length < userAgent!.Length ? beginning + "…" : beginning, null);
    }

    private static string? NameIn((string Mark, string Name)[] known, string userAgent) =>
        Array.Find(known, one => userAgent.Contains(one.Mark, StringComparison.Ordinal)).Name;
}
