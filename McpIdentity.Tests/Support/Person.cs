using System.Net;
using AngleSharp;
using AngleSharp.Html.Dom;
using Microsoft.AspNetCore.WebUtilities;

namespace McpIdentity.Tests.Support;

/// <summary>Somebody at a browser without JavaScript: follows redirects and refreshes, fills in our forms, keeps cookies.</summary>
internal sealed class Person : IDisposable
{
    private readonly TestServer _server;
    private readonly HttpClient _browser;

    public Person(TestServer server, string username = "alice")
    {
        _server = server;
        Username = username;
        _browser = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, CookieContainer = Cookies }) { BaseAddress = new Uri(server.BaseUrl) };
    }

    public string Username { get; }

    public CookieContainer Cookies { get; } = new();

    /// <summary>What the person presses on the consent page.</summary>
    public string Decision { get; set; } = "allow";

    /// <summary>The paths of the pages that were shown, in order.</summary>
    public List<string> PagesSeen { get; } = [];

    /// <summary>Goes through all pages until the browser leaves the server.</summary>
    /// <returns>The query of the redirect to the client.</returns>
    public async Task<IReadOnlyDictionary<string, string?>> AuthorizeAsync(string url)
    {
        var redirect = await LeaveAsync(url);
        // The answer to a request for a token directly comes in the fragment (OAuth 2.0 Multiple Response Types §5).
        return QueryHelpers.ParseQuery(redirect.Query.Length > 0 ? redirect.Query : redirect.Fragment.TrimStart('#')).ToDictionary(parameter => parameter.Key, parameter => (string?)parameter.Value);
    }

    /// <inheritdoc cref="AuthorizeAsync"/>
    /// <returns>The address outside of the server that the browser was sent to.</returns>
    public async Task<Uri> LeaveAsync(string url)
    {
        var (left, page) = await OpenAsync(url);
        while (left is null)
        {
            PagesSeen.Add(new Uri(page!.Url).AbsolutePath);
            (left, page) = page.QuerySelector("[name=username]") is not null
                ? await SubmitAsync(page, ("username", Username))
                : page.QuerySelector("button[name=decision]") is not null
                    ? await SubmitAsync(page, ("decision", Decision))
                    : throw new AssertionException($"No form to go on with at {page.Url}: {page.Body?.TextContent}");
        }

        return left;
    }

    /// <summary>Opens an address and follows it until a page is shown or the server is left.</summary>
    public async Task<(Uri? Left, IHtmlDocument? Page)> OpenAsync(string url) => await FollowAsync(new Uri(new Uri(_server.BaseUrl), url), await _browser.GetAsync(url));

    public async Task<HttpResponseMessage> GetAsync(string url) => await _browser.GetAsync(url);

    /// <summary>Sends the form that holds the field or button named first.</summary>
    public async Task<(Uri? Left, IHtmlDocument? Page)> SubmitAsync(IHtmlDocument page, params (string Name, string Value)[] fields)
    {
        var form = page.Forms.First(candidate => candidate.QuerySelector($"[name={fields[0].Name}]") is not null);
        var values = form.QuerySelectorAll("input[type=hidden]").Cast<IHtmlInputElement>().ToDictionary(input => input.Name!, input => input.Value);
        foreach (var (name, value) in fields)
        {
            values[name] = value;
        }

        var action = new Uri(new Uri(page.Url), form.GetAttribute("action") ?? "");
        return await FollowAsync(action, await _browser.PostAsync(action, new FormUrlEncodedContent(values)));
    }

    public void Dispose() => _browser.Dispose();

    private async Task<(Uri? Left, IHtmlDocument? Page)> FollowAsync(Uri current, HttpResponseMessage response)
    {
        for (var hops = 0; hops < 20; hops++)
        {
            using (response)
            {
                var next = response.Headers.Location is { } location ? new Uri(current, location) : null;
                IHtmlDocument? page = null;
                if (next is null)
                {
                    page = await ParseAsync(current, await response.Content.ReadAsStringAsync());
                    next = page.QuerySelector("meta[http-equiv=refresh]")?.GetAttribute("content") is { } refresh
                        ? new Uri(current, refresh[(refresh.IndexOf("url=", StringComparison.OrdinalIgnoreCase) + 4)..])
                        : null;
                }

                if (next is null)
                {
                    return (null, page);
                }

                if (next.GetLeftPart(UriPartial.Authority) != _server.BaseUrl)
                {
                    return (next, null);
                }

                current = next;
            }

            response = await _browser.GetAsync(current);
        }

        throw new AssertionException($"More than 20 redirects, the last to {current}.");
    }

    private static async Task<IHtmlDocument> ParseAsync(Uri address, string html) =>
        (IHtmlDocument)await BrowsingContext.New().OpenAsync(response => response.Content(html).Address(address));
}
