using McpIdentity.Mcp;

namespace McpIdentity.Server.Authorization;

/// <summary>Says in plain words where a redirect URI leads, host first: the part that a client cannot invent.</summary>
/// <param name="Kind">Who receives the answer.</param>
/// <param name="Name">What of it is a name: the host, or the scheme of the links (<c>cursor:</c>); empty for a program.</param>
/// <param name="FullName">Who receives the answer, within a sentence.</param>
/// <param name="Address">Where the answer goes.</param>
internal sealed record RedirectTarget(RedirectTargetKind Kind, string Name, FormattableString FullName, FormattableString Address)
{
    /// <summary>The answer may go to a program while our last page stays in the browser: it has to be one that is finished.</summary>
    public bool LeavesPage => Kind is not RedirectTargetKind.Site;

    public static RedirectTarget Of(string redirectUri)
    {
        var uri = new Uri(redirectUri);
        return uri.Scheme switch
        {
            "http" or "https" when Loopback.Is(uri) =>
                new(RedirectTargetKind.Loopback, "", $"a program on this computer", $"a program on this computer ({uri.Authority})"),
            "http" or "https" =>
                new(RedirectTargetKind.Site, Loopback.AuthorityOf(uri), $"the app at {Loopback.AuthorityOf(uri)}", $"{Loopback.AuthorityOf(uri)}"),
            _ => new(RedirectTargetKind.Links, uri.Scheme + ":", $"the app for links of {uri.Scheme + ":"}", $"the app that opens {uri.Scheme + ":"} links"),
        };
    }
}

/// <summary>Who receives the answer to an authorization request.</summary>
internal enum RedirectTargetKind
{
    /// <summary>A program on this computer: whatever listens at a loopback address.</summary>
    Loopback,

    /// <summary>A host in the web.</summary>
    Site,

    /// <summary>A scheme of its own: the browser hands the answer to whatever program opens such links, and shows nothing of it.</summary>
    Links,
}
