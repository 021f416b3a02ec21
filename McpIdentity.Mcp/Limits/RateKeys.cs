using System.Security.Cryptography;
using System.Text;
using McpIdentity.Mcp.Audit;
using Microsoft.AspNetCore.Http;

namespace McpIdentity.Mcp.Limits;

/// <summary>Who is counted.</summary>
internal static class RateKeys
{
    private const int MaxLength = 64;

    public static string OfPeer(HttpContext context) => "peer:" + Peer.Of(context);

    /// <summary>Somebody by name. A long name is hashed, so that a count has the same size for everyone.</summary>
    public static string ForName(string kind, string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        return name.Length <= MaxLength ? $"{kind}:{name}" : $"{kind}:#{Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(name)))}";
    }
}
