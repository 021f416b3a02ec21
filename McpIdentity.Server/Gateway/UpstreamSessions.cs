using System.Security.Cryptography;
using McpIdentity.Mcp.Credentials;
using McpIdentity.Mcp.Sessions;
using Microsoft.AspNetCore.DataProtection;

namespace McpIdentity.Server.Gateway;

/// <summary>
/// Sessions of servers behind this one, whose names go to clients sealed: with whose they are (MCP, security best practices, "Session
/// Hijacking"). So every node knows it, and no node keeps anything. To anybody but its owner a session does not exist.
/// </summary>
internal sealed class UpstreamSessions(IDataProtectionProvider protection)
{
    /// <summary>Longer names would not fit into a header with all else.</summary>
    public const int MaxLength = 1024;

    private readonly IDataProtector _protector = protection.CreateProtector("McpIdentity.Gateway.Session");

    /// <summary>Whether a server can have meant that as the name of one session.</summary>
    public static bool IsName(string[] values) => values is [{ Length: > 0 and <= MaxLength } id] && UpstreamCredentials.IsHeaderValue(id);

    /// <param name="id">As the server gave it.</param>
    /// <param name="server">Which one.</param>
    /// <param name="caller">Whom it was given to.</param>
    public string Seal(string id, FrontedServer server, VerifiedCaller? caller) => For(server, caller).Protect(id);

    /// <returns>The server's own name of the session; null where it is not the caller's, or was never given.</returns>
    public string? Open(string name, FrontedServer server, VerifiedCaller? caller)
    {
        try
        {
            return For(server, caller).Unprotect(name);
        }
        catch (CryptographicException)
        {
            return null;
        }
    }

    // What it is bound to is the purpose of its key: another owner has another key.
    private IDataProtector For(FrontedServer server, VerifiedCaller? caller)
    {
        var owner = SessionOwner.Of(caller);
        return _protector.CreateProtector(server.Name, server.Options.Url!, owner.Issuer ?? "", owner.Subject ?? "", owner.ClientId ?? "");
    }
}
