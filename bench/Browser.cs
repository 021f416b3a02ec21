using System.Net;
using System.Text.RegularExpressions;
using AngleSharp.Dom;
using AngleSharp.Html.Dom;
using AngleSharp.Html.Parser;

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
        string Cookie(string path) => cookies.GetCookieHeader(new Uri(wire.Server, path));

        var answer = await wire.GetAsync(client.AuthorizeUrl);
        for (var hops = 0; hops < 20; hops++)
        {
            Keep(answer, wire.Server, cookies);
            if (answer.Headers.Location is { } location)
            {
                var next = new Uri(wire.Server, location);
                if (next.Authority != wire.Server.Authority)
                {
                    return new Return(next, Cookie(client.AuthorizeUrl));
                }

                answer = await wire.GetAsync(next.PathAndQuery, Cookie(next.PathAndQuery));
                continue;
            }

            var page = answer.MustBe(200).Text;
            answer = Refresh().Match(page) is { Success: true } refresh
                ? await wire.GetAsync(WebUtility.HtmlDecode(refresh.Groups[1].Value), Cookie(WebUtility.HtmlDecode(refresh.Groups[1].Value)))
                : await SubmitAsync(wire, page, Cookie);
        }

        throw new WrongAnswerException("The browser was sent in circles: " + answer.Text);
    }

    // What a browser sends: everything that the form holds, as it stands, with Alice's name and her consent.
    private static Task<Answer> SubmitAsync(Wire wire, string page, Func<string, string> cookie)
    {
        using var document = new HtmlParser().ParseDocument(page);
        var form = document.QuerySelector("form:has([name=username]), form:has([name=decision][value=allow])") ?? throw new WrongAnswerException("A page without a form for Alice: " + page);
        var held = form.QuerySelectorAll<IHtmlInputElement>("input[name]").Where(input => input.Type is not ("checkbox" or "radio") || input.IsChecked)
            .Select(input => (input.Name!, input.Name == "username" ? "alice" : input.Value));
        var action = form.GetAttribute("action")!;
        return wire.PostFormAsync(action, Wire.Form([.. held, ("decision", "allow")]), cookie: cookie(action));
    }

    private static void Keep(Answer answer, Uri server, CookieContainer cookies)
    {
        foreach (var cookie in answer.Headers.TryGetValues("Set-Cookie", out var values) ? values : [])
        {
            cookies.SetCookies(server, cookie);
        }
    }

    [GeneratedRegex("http-equiv=\"refresh\" content=\"[^\"]*url=([^\"]*)\"")]
    private static partial Regex Refresh();
}
