using McpIdentity.Mcp.Credentials;

namespace McpIdentity.Mcp.Sessions;

/// <summary>
/// Whose a session is: one person in one client (MCP, security best practices, "Session Hijacking": bind the identifier to the
/// user). All null where nobody is asked who they are (<see cref="McpAuthType.None"/>).
/// </summary>
/// <param name="Issuer">Who says so: two issuers may mean different people by one subject.</param>
/// <param name="Subject">The person.</param>
/// <param name="ClientId">The client; null for JWTs that name none.</param>
internal readonly record struct SessionOwner(string? Issuer, string? Subject, string? ClientId)
{
    public static SessionOwner Of(VerifiedCaller? caller) =>
        caller is null ? default : new(caller.Identity.FindFirst(ClaimNames.Subject)?.Issuer, caller.Subject, caller.ClientId);

    public bool IsSamePerson(SessionOwner other) => (Issuer, Subject) == (other.Issuer, other.Subject);
}
