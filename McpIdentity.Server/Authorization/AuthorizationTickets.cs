using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.DataProtection;

namespace McpIdentity.Server.Authorization;

/// <summary>
/// What our own pages hand to each other through the browser: encrypted, signed and short-lived, so that no node keeps
/// state and nobody can make a page speak of another client than the one that asked.
/// </summary>
internal sealed class AuthorizationTickets(IDataProtectionProvider protection)
{
    private static readonly TimeSpan PendingLifetime = TimeSpan.FromMinutes(15);
    private static readonly TimeSpan DecisionLifetime = TimeSpan.FromMinutes(5);

    private readonly ITimeLimitedDataProtector _pending = protection.CreateProtector("pending authorization").ToTimeLimitedDataProtector();
    private readonly ITimeLimitedDataProtector _decision = protection.CreateProtector("consent decision").ToTimeLimitedDataProtector();

    public string Protect(PendingAuthorization pending) =>
        _pending.Protect(JsonSerializer.Serialize(pending, AuthorizationJson.Default.PendingAuthorization), PendingLifetime);

    /// <returns>Null when the ticket is forged, or older than a quarter of an hour.</returns>
    public PendingAuthorization? Read(string? ticket) =>
        Unprotect(_pending, ticket) is { } json ? JsonSerializer.Deserialize(json, AuthorizationJson.Default.PendingAuthorization) : null;

    /// <summary>Says that the person behind one session has decided on one request; worth nothing for any other.</summary>
    public string ProtectDecision(bool allow, string sessionId, string query) =>
        _decision.Protect($"{allow} {Fingerprint(sessionId, query)}", DecisionLifetime);

    /// <returns>True for allow, false for deny, null when there is no decision on exactly this request in this session.</returns>
    public bool? ReadDecision(string? ticket, string sessionId, string query) =>
        Unprotect(_decision, ticket)?.Split(' ') is [var allow, var fingerprint] && fingerprint == Fingerprint(sessionId, query)
            ? bool.Parse(allow)
            : null;

    private static string? Unprotect(ITimeLimitedDataProtector protector, string? ticket)
    {
        try
        {
            return string.IsNullOrEmpty(ticket) ? null : protector.Unprotect(ticket);
        }
        catch (CryptographicException)
        {
            return null;
        }
    }

    private static string Fingerprint(string sessionId, string query) =>
        Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(sessionId + query)));
}
