using McpIdentity.Mcp;
using McpIdentity.Server.Settings;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Protocol;

/// <summary>The resources that tokens are minted for (RFC 8707): our own MCP endpoint, and those of <c>OAuth:Resources</c>.</summary>
internal sealed class ProtectedResources(PublicAddress address, IOptions<McpOptions> mcp, IOptions<OAuthServerOptions> oauth)
{
    private readonly Uri[] _further = [.. oauth.Value.Resources.Select(resource => new Uri(resource))];
    private Uri[]? _configured;

    /// <summary>Every canonical identifier: exactly what stands in <c>aud</c>.</summary>
    public IEnumerable<string> Canonical => All.Select(resource => resource.OriginalString);

    /// <summary>What a client gets that names no resource (docs/interoperability.md, "No resource"): our MCP endpoint while it is served.</summary>
    public string Default => All[0].OriginalString;

    // Our own endpoint goes by the address that the request came to; that is one constant but for a developer's tunnel.
    private Uri[] All => address.IsConfigured ? _configured ??= Named() : Named();

    private Uri[] Named() => mcp.Value.Enabled || _further.Length == 0 ? [new Uri(address.UrlOf(mcp.Value.Path)), .. _further] : _further;

    /// <summary>
    /// The resource that <paramref name="indicator"/> means, or null. Real clients add a slash, leave the path out, or change
    /// the case of the host (docs/interoperability.md, "Spellings of the resource"); a fragment or a query makes it something else (RFC 8707 §2).
    /// </summary>
    public string? Find(string indicator)
    {
        var all = All;
        if (Array.Find(all, resource => resource.OriginalString == indicator) is { } exact)
        {
            return exact.OriginalString;
        }

        if (!Uri.TryCreate(indicator, UriKind.Absolute, out var uri) || uri is not { Fragment: "", Query: "", UserInfo: "" })
        {
            return null;
        }

        // Uri lower-cases scheme and host and drops a default port: the normalisation of RFC 3986 §6.2.2.
        var atThisOrigin = Array.FindAll(all, resource => Origin(resource) == Origin(uri));
        return (Array.Find(atThisOrigin, resource => resource.AbsolutePath.TrimEnd('/') == uri.AbsolutePath.TrimEnd('/'))
            ?? (uri.AbsolutePath == "/" ? TheOne(atThisOrigin) : null))?.OriginalString;
    }

    // An origin alone means our endpoint, or the only resource there; among several it means none.
    private Uri? TheOne(Uri[] resources) =>
        Array.Find(resources, resource => resource.OriginalString == address.UrlOf(mcp.Value.Path)) ?? (resources.Length == 1 ? resources[0] : null);

    private static string Origin(Uri uri) => uri.GetLeftPart(UriPartial.Authority);
}
