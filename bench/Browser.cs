using System.Net;
using System.Text.RegularExpressions;

namespace McpIdentity.Bench;

/// <summary>Alice at a browser: signs in, allows, keeps the cookies. Preparation only, never measured.</summary>
internal static partial class Browser
{
    /// <summary>Where the browser was sent in the end, and the cookies it has then.</summary>
    internal sealed record Return(Uri Address, string Cookie);

    /// <summary>Goes through all pages until the browser leaves the server.</summary>
    public static async Task<Return> AllowAsync(Client client)
    {
        var (wire, cookies) = (client.Wire, new CookieContainer());
        string Cookie() => cookies.GetCookieHeader(wire.Server);

        var answer = await wire.GetAsync(client.AuthorizeUrl);
        for (var hops = 0; hops < 20; hops++)
        {
            Keep(answer, wire.Server, cookies);
            if (answer.Headers.Location is { } location)
            {
                var next = new Uri(wire.Server, location);
                if (next.Authority != wire.Server.Authority)
                {
                    return new Return(next, Cookie());
                }

                answer = await wire.GetAsync(next.PathAndQuery, Cookie());
                continue;
            }

            var page = answer.MustBe(200).Text;
            answer = Refresh().Match(page) is { Success: true } refresh
                ? await wire.GetAsync(WebUtility.HtmlDecode(refresh.Groups[1].Value), Cookie())
                : await SubmitAsync(wire, page, Cookie());
        }

        throw new WrongAnswerException("The browser was sent in circles: " + answer.Text);
    }

    private static Task<Answer> SubmitAsync(Wire wire, string page, string cookie)
    {
        var hidden = Hidden().Matches(page).Select(input => (input.Groups[1].Value, WebUtility.HtmlDecode(input.Groups[2].Value))).DistinctBy(field => field.Item1);
        return page.Contains("name=\"username\"", StringComparison.Ordinal)
            ? wire.PostFormAsync("/signin", Wire.Form([.. hidden, ("username", "alice")]), cookie: cookie)
            : wire.PostFormAsync("/consent", Wire.Form([.. hidden, .. Boxes().Matches(page).Select(box => (box.Groups[1].Value, WebUtility.HtmlDecode(box.Groups[2].Value))), ("decision", "allow")]), cookie: cookie);
    }

    private static void Keep(Answer answer, Uri server, CookieContainer cookies)
    {
        foreach (var cookie in answer.Headers.TryGetValues("Set-Cookie", out var values) ? values : [])
        {
            cookies.SetCookies(server, cookie);
        }
    }

    [GeneratedRegex("<input type=\"checkbox\" name=\"([^\"]*)\" value=\"([^\"]*)\" checked=\"checked\">")]
    private static partial Regex Boxes();

    [GeneratedRegex("http-equiv=\"refresh\" content=\"[^\"]*url=([^\"]*)\"")]
    private static partial Regex Refresh();

    [GeneratedRegex("""<input[^>]*(?:name="(request|__RequestVerificationToken)")[^>]*value="([^"]*)""")]
    private static partial Regex Hidden();
}
