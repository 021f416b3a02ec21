using McpIdentity.Mcp;

namespace McpIdentity.Server.Authorization;

/// <summary>Says in plain words where a redirect URI leads, host first: the part that a client cannot invent.</summary>
/// <param name="App">Who receives the answer, before <paramref name="Name"/>.</param>
/// <param name="Name">What of it is a name: the host, or the scheme of the links; empty for a program.</param>
/// <param name="Address">Where the answer goes.</param>
/// <param name="LeavesPage">
/// The answer may go to a program while our last page stays in the browser: it has to be one that is finished.
/// </param>
/// <param name="IsPrivateScheme">The browser hands the answer to a program, and shows nothing of it.</param>
internal sealed record RedirectTarget(string App, string Name, string Address, bool LeavesPage, bool IsPrivateScheme)
{
    public static RedirectTarget Of(string redirectUri)
    {
        var uri = new Uri(redirectUri);
        return uri.Scheme switch
        {
            "http" or "https" when Loopback.Is(uri) =>
                new("a program on this computer", "", $"a program on this computer ({uri.Authority})", LeavesPage: true, IsPrivateScheme: false),
            "http" or "https" => new("the app at", Loopback.AuthorityOf(uri), Loopback.AuthorityOf(uri), LeavesPage: false, IsPrivateScheme: false),
            _ => new("the app for links of", uri.Scheme + ":", $"the app that opens {uri.Scheme}: links", LeavesPage: true, IsPrivateScheme: true),
        };
    }

    /// <summary>Both in one.</summary>
    public string FullName => $"{App} {Name}".TrimEnd();
}
