using System.Net;
using Microsoft.AspNetCore.WebUtilities;

namespace McpIdentity.Tests.Support;

/// <summary>Somebody at a browser without JavaScript who signs in where asked and decides on the consent page.</summary>
internal sealed class Person : IDisposable
{
    private const int MostPages = 20;

    /// <param name="server">Whose pages are opened.</param>
    /// <param name="username">The demo user; or, at the stand-in Google, the e-mail address.</param>
    /// <param name="provider">The origin of the provider to sign in at, besides the server's own.</param>
    public Person(TestServer server, string username = "alice", string? provider = null)
        : this(server.BaseUrl, username, provider)
    {
    }

    public Person(string baseUrl, string username = "alice", string? provider = null)
    {
        Username = username;
        Browser = provider is null ? new NoScriptBrowser(baseUrl) : new NoScriptBrowser(baseUrl, provider);
    }

    public NoScriptBrowser Browser { get; }

    public string Username { get; }

    public CookieContainer Cookies => Browser.Cookies;

    /// <summary>Which button the person presses on a sign-in page that offers providers.</summary>
    public string ProviderId { get; init; } = "google";

    /// <summary>What the person presses on the consent page.</summary>
    public string Decision { get; set; } = "allow";

    /// <summary>What the person presses where they are asked for their account at a server behind this one.</summary>
    public string AtAccount { get; set; } = "later";

    /// <summary>The boxes of the consent page, by their values, that the person takes the tick from.</summary>
    public IReadOnlyCollection<string> Unticked { get; set; } = [];

    /// <summary>Those that the person ticks.</summary>
    public IReadOnlyCollection<string> Ticked { get; set; } = [];

    /// <summary>The paths of the pages that asked the person for something, in order.</summary>
    public List<string> PagesSeen { get; } = [];

    /// <summary>Goes through all pages until the browser leaves the server.</summary>
    /// <returns>The parameters that were sent to the client.</returns>
    public async Task<IReadOnlyDictionary<string, string?>> AuthorizeAsync(string url)
    {
        var left = await LeaveAsync(url);
        // The answer to a request for a token directly comes in the fragment (OAuth 2.0 Multiple Response Types §5).
        return QueryHelpers.ParseQuery(left.Query.Length > 0 ? left.Query : left.Fragment.TrimStart('#'))
            .ToDictionary(parameter => parameter.Key, parameter => (string?)parameter.Value);
    }

    /// <inheritdoc cref="AuthorizeAsync"/>
    /// <returns>The address outside of the server that the browser was sent to.</returns>
    public async Task<Uri> LeaveAsync(string url)
    {
        var page = await Browser.GetAsync(url);
        for (var pages = 0; !page.IsOutside; pages++)
        {
            Assert.That(pages, Is.LessThan(MostPages), $"It does not end: {page}: {page.Document?.Body?.TextContent}");
            PagesSeen.Add(page.Address.AbsolutePath);
            foreach (var box in page.Document?.QuerySelectorAll("input[type=checkbox]").Where(box => Ticked.Contains(box.GetAttribute("value"))) ?? [])
            {
                box.SetAttribute("checked", "");
            }

            page = page.Document switch
            {
                _ when Has(page, "[name=username]") => await Browser.SubmitAsync(page, new Dictionary<string, string> { ["username"] = Username }),
                _ when Has(page, "[name=email]") => await Browser.SubmitAsync(page, new Dictionary<string, string> { ["email"] = Username }),
                _ when Has(page, "button[value=later]") => await Browser.SubmitAsync(page, button: AtAccount),
                _ when Has(page, "button[name=decision]") => await Browser.SubmitAsync(page, button: Decision, unticked: Unticked),
                _ when Has(page, "button[name=provider]") => await Browser.SubmitAsync(page, button: ProviderId),
                _ => throw new AssertionException($"No form to go on with at {page}: {page.Document?.Body?.TextContent}"),
            };
        }

        return page.Address;
    }

    public void Dispose() => Browser.Dispose();

    private static bool Has(BrowserPage page, string selector) => page.Document?.QuerySelector(selector) is not null;
}
