using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Hosting;

/// <summary>The one place that knows what this server is called from outside; nothing is derived from a Host header.</summary>
internal sealed class PublicAddress(IOptions<ServerOptions> options)
{
    /// <summary>The issuer and the prefix of every emitted URL, without trailing slash (RFC 8414 §2, seed-checklist D-02).</summary>
    public string Issuer => options.Value.PublicBaseUrl!;

    public bool IsHttps => Issuer.StartsWith("https://", StringComparison.Ordinal);

    /// <param name="path">A path that starts with a slash.</param>
    public string Of(string path) => Issuer + path;
}
