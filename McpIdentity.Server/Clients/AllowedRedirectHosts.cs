using McpIdentity.Mcp;
using McpIdentity.Server.Protocol;
using McpIdentity.Server.Settings;

namespace McpIdentity.Server.Clients;

/// <summary><c>OAuth:Registration:Policy=Hosts</c>: a client registers where its answers go to hosts that the operator named.</summary>
internal static class AllowedRedirectHosts
{
    public static OAuthError? Check(ClientMetadata metadata, RegistrationOptions policy)
    {
        if (policy.PolicyInForce() != RegistrationPolicy.Hosts)
        {
            return null;
        }

        // A service without a browser is at no host that could be known.
        return metadata.RedirectUris is { Count: > 0 } uris && uris.All(uri => IsAllowed(new Uri(uri.GetString()!, UriKind.Absolute), policy.AllowedRedirectHosts))
            ? null
            : RegistrationErrors.InvalidRedirectUri($"This server registers redirect URIs at {string.Join(", ", policy.AllowedRedirectHosts)} only.");
    }

    /// <returns>Whether the text may stand in the list.</returns>
    public static bool IsEntry(string text) =>
        text == RedirectUris.HttpLoopback ||
        (text.EndsWith(':') ? Uri.CheckSchemeName(text[..^1]) && text.TrimEnd(':') is not ("http" or "https")
            : HostNames.IsOne(text));

    private static bool IsAllowed(Uri uri, IList<string> entries) => uri.Scheme is not ("http" or "https")
        ? entries.Contains(uri.Scheme + ":", StringComparer.OrdinalIgnoreCase)
        : Loopback.Is(uri)
            ? entries.Contains(RedirectUris.HttpLoopback)
            : HostNames.Contain(entries, uri.IdnHost);
}
