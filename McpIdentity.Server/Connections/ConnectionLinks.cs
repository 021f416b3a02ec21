using System.Text.Json;
using McpIdentity.Server.Keys;
using McpIdentity.Server.Protocol;

namespace McpIdentity.Server.Connections;

/// <summary>The addresses that an app shows its person, to connect an account: good for them alone, for ten minutes.</summary>
internal sealed class ConnectionLinks(EncryptionKeys keys, PublicAddress address, TimeProvider time)
{
    public static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(10);

    private const string Purpose = "connection links";

    /// <param name="server">Its name.</param>
    /// <param name="userId">Whom it is for.</param>
    /// <param name="scope">What the server wants beside what they have allowed; null: nothing.</param>
    public string For(string server, string userId, string? scope = null)
    {
        var link = new ConnectionLink(userId, server, time.GetUtcNow() + Lifetime) { Scope = scope };
        return $"{PageOf(server)}?link={keys.Protect(Purpose, JsonSerializer.SerializeToUtf8Bytes(link, ConnectionsJson.Default.ConnectionLink))}";
    }

    /// <summary>The same page for whoever opens it.</summary>
    public string PageOf(string server) => address.UrlOf($"{Paths.Connections}/{server}");

    /// <returns>Null for one that is forged, of another server, or too old.</returns>
    public ConnectionLink? Open(string text, string server) =>
        keys.Unprotect(Purpose, text) is { } json && JsonSerializer.Deserialize(json, ConnectionsJson.Default.ConnectionLink) is { } link && link.Server == server && link.ExpiresAt > time.GetUtcNow()
            ? link
            : null;
}
