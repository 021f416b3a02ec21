using McpIdentity.Server.Clients;
using McpIdentity.Server.Pages;

namespace McpIdentity.Server.Authorization;

/// <summary>
/// The last page of ours on the way to an app. A site replaces it at once; a program on the computer or an app for links of its own
/// may take the answer and leave the page where it is, so that it has to be one that is finished (docs/decisions/0003).
/// </summary>
internal static class Ending
{
    public static ContinuePage SignedIn(string url, RedirectTarget target) => target.LeavesPage
        ? new ContinuePage(url) { Heading = $"You are signed in", Text = $"If no other page opens here, {target.FullName} has taken over, and you can close this window." }
        : To(url, target);

    /// <param name="url">Where the browser goes on to, an address of ours that redirects.</param>
    /// <param name="redirectUri">Where the answer goes from there.</param>
    /// <param name="known">Says whose scheme it is.</param>
    public static ContinuePage Allowed(string url, string redirectUri, KnownClients known)
    {
        var target = RedirectTarget.Of(redirectUri);
        return target.LeavesPage
            ? new ContinuePage(url)
            {
                Heading = known.OwnerOf(redirectUri) is { } owner ? $"Connected to {owner}" : (FormattableString)$"Connected",
                Text = $"The answer goes to {target.Address}. You can close this window.",
                Link = $"If nothing has happened, open {target.FullName}",
                IsConnected = true,
            }
            : To(url, target);
    }

    /// <inheritdoc cref="Allowed"/>
    public static ContinuePage Declined(string url, string redirectUri)
    {
        var target = RedirectTarget.Of(redirectUri);
        return target.LeavesPage
            ? new ContinuePage(url)
            {
                Heading = $"You declined",
                Text = $"Nothing was allowed, and {target.Address} is told so. You can close this window.",
                Link = $"If nothing has happened, tell {target.FullName}",
            }
            : To(url, target);
    }

    private static ContinuePage To(string url, RedirectTarget target) => new(url) { Text = $"You are being sent on to {target.FullName}." };
}
