using McpIdentity.Mcp;
using McpIdentity.Server.Hosting;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Protocol;

/// <summary>The MCP endpoint as RFC 8707 names it: what a client may write for it, and the one audience that we mint.</summary>
internal sealed class ProtectedResource(PublicAddress address, IOptions<McpOptions> mcp)
{
    private readonly string _configured = address.Of(mcp.Value.Path);

    /// <summary>The canonical identifier: <c>{issuer}/mcp</c>, no trailing slash.</summary>
    public string Canonical => address.IsConfigured ? _configured : address.Of(mcp.Value.Path);

    /// <summary>
    /// Whether <paramref name="indicator"/> means our resource. Real clients add a slash, leave the path out, or change the
    /// case of the host (interop Q18); a fragment or a query makes it something else (RFC 8707 §2).
    /// </summary>
    public bool IsMeantBy(string indicator)
    {
        if (string.Equals(indicator, Canonical, StringComparison.Ordinal))
        {
            return true;
        }

        // Uri lower-cases scheme and host and drops a default port: the normalisation of RFC 3986 §6.2.2.
        return Uri.TryCreate(indicator, UriKind.Absolute, out var uri) && uri is { Fragment: "", Query: "", UserInfo: "" } &&
            Uri.TryCreate(Canonical, UriKind.Absolute, out var canonical) &&
            uri.GetLeftPart(UriPartial.Authority) == canonical.GetLeftPart(UriPartial.Authority) &&
            (uri.AbsolutePath == "/" || uri.AbsolutePath.TrimEnd('/') == canonical.AbsolutePath);
    }
}
