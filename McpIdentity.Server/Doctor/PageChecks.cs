using System.Net;
using McpIdentity.Server.Operations;
using McpIdentity.Server.Protocol;

namespace McpIdentity.Server.Doctor;

/// <summary>The sign-in page as it arrives in a browser: a proxy may have changed it on the way.</summary>
internal static class PageChecks
{
    private static readonly Check SignIn = new("pages.sign-in", Verdict.Fail, "Does the sign-in page arrive?", "Is every path handed on by the proxy, and no page put in place of ours?", "docs/production.md, \"Behind a reverse proxy\"");
    private static readonly Check Policy = new("pages.policy", Verdict.Warn, "Is its Content-Security-Policy ours, and the only one?", "Let the proxy add none: a second one takes away what the first allows, and a form-action of its own stops the consent button.", "docs/interoperability.md, \"Forms and form-action\"");
    private static readonly Check Opener = new("pages.opener", Verdict.Warn, "Do clients that open it in a popup stay connected with it?", "Let the proxy send no Cross-Origin-Opener-Policy: it cuts the popup off from the app that opened it.", "docs/interoperability.md, \"Popups\"");
    private static readonly Check Cookies = new("pages.cookies", Verdict.Fail, "Do its cookies arrive as they were sent: for https and this host alone?", "Let the proxy change no Set-Cookie; the public address must be https.", "RFC 6265 §4.1.2");

    public static IReadOnlyList<Check> Checks { get; } = [SignIn, Policy, Opener, Cookies];

    public static async Task<IReadOnlyList<CheckResult>> RunAsync(Uri origin, CancellationToken cancellationToken)
    {
        using var asking = new Asking(origin);
        var page = await asking.GetAsync(new Uri(origin, Paths.SignInFor(Paths.OwnAccount)).AbsoluteUri, cancellationToken);
        if (page is not { Status: HttpStatusCode.OK, IsHtml: true })
        {
            return [SignIn.Bad($"the sign-in page is answered with {page}")];
        }

        var policies = page.Headers!.TryGetValues("Content-Security-Policy", out var values) ? values.ToList() : [];
        var opener = page.Header("Cross-Origin-Opener-Policy");
        var cookies = page.Headers.TryGetValues("Set-Cookie", out var set) ? set.ToList() : [];
        return
        [
            SignIn.Pass("the sign-in page arrives"),
            Policy.Judge(policies is [var only] && only.Contains("frame-ancestors 'none'", StringComparison.Ordinal), "its policy is ours alone",
                policies.Count == 0 ? "it arrives without a Content-Security-Policy" : $"it arrives with {string.Join(" and ", policies.Select(policy => $"'{policy}'"))}"),
            Opener.Judge(opener is null or "unsafe-none", "popups stay connected", $"it arrives with Cross-Origin-Opener-Policy: {opener}"),
            JudgeCookies(cookies, origin.Scheme == Uri.UriSchemeHttps),
        ];
    }

    private static CheckResult JudgeCookies(List<string> cookies, bool isHttps)
    {
        var wrong = cookies.Where(cookie => !Has(cookie, "HttpOnly") || (isHttps && (!Has(cookie, "Secure") || !cookie.StartsWith("__Host-", StringComparison.Ordinal))))
            .Select(cookie => cookie.Split('=')[0]).ToList();
        return Cookies.Judge(wrong.Count == 0, isHttps ? "its cookies are Secure, HttpOnly and of this host alone" : "its cookies are HttpOnly; without https they cannot be more", $"{string.Join(", ", wrong)} arrived without __Host-, Secure or HttpOnly");
    }

    private static bool Has(string cookie, string attribute) => cookie.Split(';').Skip(1).Any(part => part.Trim().Equals(attribute, StringComparison.OrdinalIgnoreCase));
}
