using System.Collections.Frozen;
using System.Security.Claims;

namespace McpIdentity.Mcp.Credentials;

/// <summary>Who calls, after every check of a token has passed.</summary>
internal sealed class VerifiedCaller
{
    public const string OAuthMethod = "oauth";
    public const string JwtMethod = "jwt";

    public required ClaimsIdentity Identity { get; init; }

    public required string Subject { get; init; }

    public required FrozenSet<string> Scopes { get; init; }

    /// <summary>The scopes of the foreign JWT alone, if one was presented: what <c>RequiredScopes</c> is compared with.</summary>
    public FrozenSet<string>? JwtScopes { get; init; }

    /// <summary>The scopes of our own token alone, if one was presented: what calling a tool needs of it by default.</summary>
    public FrozenSet<string>? OwnScopes { get; init; }

    /// <summary>The tools that the person left to the client; null: all that its scopes open. Only our own tokens say so.</summary>
    public FrozenSet<string>? Tools { get; init; }

    public string? ClientId { get; init; }

    public string? SessionId { get; init; }

    public string? GrantId { get; init; }

    public string? TokenId { get; init; }

    public DateTimeOffset IssuedAt { get; init; }

    public DateTimeOffset Expires { get; init; }

    /// <summary>The key that verified the token; a key that is withdrawn takes its remembered tokens along.</summary>
    public string? KeyId { get; init; }

    public string Method => Identity.AuthenticationType!;

    /// <summary>Whether the person left the tool to the client.</summary>
    public bool MayUse(string? tool) => Tools is null || (tool is not null && Tools.Contains(tool));

    public bool IsOwn => Method == OAuthMethod;

    /// <summary>
    /// Both credentials of one request: the subject of our own token leads, and only what both allow is allowed (docs/auth-types.md, "Both").
    /// </summary>
    public static VerifiedCaller Join(VerifiedCaller first, VerifiedCaller second)
    {
        var (lead, other) = !first.IsOwn && second.IsOwn ? (second, first) : (first, second);
        var scopes = lead.Scopes.Where(other.Scopes.Contains).ToFrozenSet(StringComparer.Ordinal);
        var identity = new ClaimsIdentity(
            lead.Identity.Claims.Where(claim => claim.Type != ClaimNames.Scope).Append(new Claim(ClaimNames.Scope, string.Join(' ', scopes))),
            lead.Method, ClaimNames.Name, ClaimNames.Roles);
        return new VerifiedCaller
        {
            Identity = identity,
            Subject = lead.Subject,
            Scopes = scopes,
            JwtScopes = lead.JwtScopes ?? other.JwtScopes,
            OwnScopes = lead.OwnScopes ?? other.OwnScopes,
            Tools = lead.Tools is null || other.Tools is null ? lead.Tools ?? other.Tools : lead.Tools.Where(other.Tools.Contains).ToFrozenSet(StringComparer.Ordinal),
            ClientId = lead.ClientId,
            SessionId = lead.SessionId,
            GrantId = lead.GrantId,
            TokenId = lead.TokenId,
            IssuedAt = lead.IssuedAt,
            Expires = lead.Expires < other.Expires ? lead.Expires : other.Expires,
            KeyId = lead.KeyId,
        };
    }
}
