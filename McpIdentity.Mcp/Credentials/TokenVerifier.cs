using McpIdentity.Mcp.Audit;
using McpIdentity.Mcp.IssuerKeys;
using Microsoft.Extensions.Logging;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace McpIdentity.Mcp.Credentials;

/// <summary>Judges one token by the rules of one issuer, in this order: signature, type, lifetime, audience, subject. The issuer chose the rules.</summary>
internal sealed partial class TokenVerifier(TimeProvider time, SecurityLog log, ILogger<TokenVerifier> logger)
{
    private static readonly JsonWebTokenHandler Handler = new() { MapInboundClaims = false };

    public async ValueTask<TokenOutcome> VerifyAsync(UnverifiedToken token, IssuerRules rules, CancellationToken cancellationToken)
    {
        // An algorithm outside the list cannot become right: no key is looked for, and nothing fetched.
        var (known, key) = IsAllowed(token, rules) ? await FindKeyAsync(token, rules.Keys, cancellationToken) : (true, null);
        if (!known)
        {
            return TokenOutcome.KeysUnavailable;
        }

        if (key is null)
        {
            if (rules.RequireValidSignature)
            {
                return TokenOutcome.Refused(TokenRefusals.Signature);
            }

            SignatureNotRequired(rules.Issuer);
        }

        return Check(token, rules) is { } refusal
            ? TokenOutcome.Refused(refusal, key is null ? null : FlawOf(token, rules, refusal))
            : CallerReader.Read(token, rules, key?.KeyId);
    }

    private static bool IsAllowed(UnverifiedToken token, IssuerRules rules) => rules.Algorithms.Contains(token.Algorithm!, StringComparer.Ordinal);

    private string? Check(UnverifiedToken token, IssuerRules rules) =>
        CheckType(token, rules) ??
        CheckLifetime(token, rules) ??
        CheckAudience(token, rules) ??
        CheckSubject(token, rules);

    /// <summary>Looks for the key that signed a JWT, whose algorithm the caller has allowed.</summary>
    /// <returns>Whether there are keys to judge by, and that which signed it.</returns>
    public static async ValueTask<(bool Known, SecurityKey? Key)> FindKeyAsync(
        UnverifiedToken token, IKeySource source, CancellationToken cancellationToken)
    {
        if (await source.GetAsync(cancellationToken) is not { } keys)
        {
            return (false, null);
        }

        if (await FindAmongAsync(keys, token) is { } key)
        {
            return (true, key);
        }

        return (true, await source.GetNewerAsync(keys, cancellationToken) is { } newer ? await FindAmongAsync(newer, token) : null);
    }

    // The key is chosen from the issuer's own set by its id. jku, jwk, x5u and x5c of the header are not looked at (RFC 8725 §3.10).
    private static async ValueTask<SecurityKey?> FindAmongAsync(IReadOnlyList<SecurityKey> keys, UnverifiedToken token)
    {
        foreach (var key in keys.Where(key => token.KeyId is null || string.IsNullOrEmpty(key.KeyId) || key.KeyId == token.KeyId))
        {
            if (await IsSignedByAsync(token, key))
            {
                return key;
            }
        }

        return null;
    }

    private static async ValueTask<bool> IsSignedByAsync(UnverifiedToken token, SecurityKey key)
    {
        var result = await Handler.ValidateTokenAsync(token.Raw, new TokenValidationParameters
        {
            IssuerSigningKey = key,
            TryAllIssuerSigningKeys = true,
            ValidAlgorithms = [token.Algorithm!],
            RequireSignedTokens = true,
            // The claims are judged above, from the one strict reading of the payload.
            RequireExpirationTime = false,
            ValidateLifetime = false,
            ValidateIssuer = false,
            ValidateAudience = false,
        });
        return result.IsValid;
    }

    // For whoever asks why somebody cannot connect (docs/audit.md). The token is the issuer's; it is only not good here, or not now.
    private TokenFlaw FlawOf(UnverifiedToken token, IssuerRules rules, string refusal)
    {
        var (payload, now) = (token.Payload, time.GetUtcNow());
        var (got, expected) = refusal switch
        {
            TokenRefusals.Audience => (string.Join(' ', CallerReader.Texts(payload, ClaimNames.Audience)), rules.Audience),
            TokenRefusals.Expired => ($"expired {Ago(ClaimNames.Expires)} s ago", "a token that has not expired"),
            TokenRefusals.NotYet => ($"valid in {Math.Max(-Ago(ClaimNames.NotBefore), -Ago(ClaimNames.IssuedAt))} s", FormattableString.Invariant($"at most {rules.ClockSkew.TotalSeconds:0} s ahead of this server's clock")),
            TokenRefusals.Type => (token.Type, string.Join(' ', rules.Types.OfType<string>())),
            _ => (null, null),
        };
        return new TokenFlaw
        {
            ClientId = UnverifiedToken.Text(payload, ClaimNames.ClientId),
            Subject = UnverifiedToken.Text(payload, rules.SubjectClaim),
            SessionId = UnverifiedToken.Text(payload, ClaimNames.SessionId),
            GrantId = UnverifiedToken.Text(payload, ClaimNames.GrantId),
            Got = got,
            Expected = expected,
        };

        long Ago(string claim) => now.ToUnixTimeSeconds() - (long)Math.Clamp(NumericDate.Read(payload, claim) ?? 0, 0, 253_402_300_799);
    }

    private static string? CheckType(UnverifiedToken token, IssuerRules rules) =>
        rules.Types.Contains(token.Type, StringComparer.OrdinalIgnoreCase) ? null : TokenRefusals.Type;

    private string? CheckLifetime(UnverifiedToken token, IssuerRules rules)
    {
        var now = time.GetUtcNow().ToUnixTimeMilliseconds() / 1000.0;
        var skew = rules.ClockSkew.TotalSeconds;
        if (NumericDate.Read(token.Payload, ClaimNames.Expires) is not { } expires)
        {
            return TokenRefusals.NoExpiry;
        }

        if (NumericDate.Read(token.Payload, ClaimNames.NotBefore) > now + skew || NumericDate.Read(token.Payload, ClaimNames.IssuedAt) > now + skew)
        {
            return TokenRefusals.NotYet;
        }

        // RFC 7519 §4.1.4: on or after this time.
        if (now < expires + skew)
        {
            return null;
        }

        if (!rules.AllowExpiredTokens)
        {
            return TokenRefusals.Expired;
        }

        log.Write(null, SecurityEvent.Warning("expired_token_accepted", $"an expired token of {rules.Issuer}: Mcp:Auth:Jwt:AllowExpiredTokens is true") with
        {
            Subject = UnverifiedToken.Text(token.Payload, rules.SubjectClaim),
        });
        ExpiredTokenAccepted(rules.Issuer);
        return null;
    }

    private static string? CheckAudience(UnverifiedToken token, IssuerRules rules) =>
        CallerReader.Texts(token.Payload, ClaimNames.Audience).Contains(rules.Audience, StringComparer.Ordinal) ? null : TokenRefusals.Audience;

    private static string? CheckSubject(UnverifiedToken token, IssuerRules rules) =>
        string.IsNullOrEmpty(UnverifiedToken.Text(token.Payload, rules.SubjectClaim)) ? TokenRefusals.Subject : null;

    [LoggerMessage(3111, LogLevel.Warning, "A token of {Issuer} without a valid signature was accepted: Mcp:Auth:Jwt:RequireValidSignature is false.")]
    private partial void SignatureNotRequired(string issuer);

    [LoggerMessage(3112, LogLevel.Warning, "expired_token_accepted: an expired token of {Issuer}: Mcp:Auth:Jwt:AllowExpiredTokens is true.")]
    private partial void ExpiredTokenAccepted(string issuer);
}
