using System.Collections.Frozen;
using System.Security.Claims;
using System.Text.Json;

namespace McpIdentity.Mcp.Credentials;

/// <summary>Turns the payload of a token that was judged good into a caller.</summary>
internal static class CallerReader
{
    public static VerifiedCaller Read(UnverifiedToken token, IssuerRules rules, string? keyId)
    {
        var payload = token.Payload;
        var subject = UnverifiedToken.Text(payload, rules.SubjectClaim)!;
        var scopes = rules.ScopeClaims.SelectMany(claim => Texts(payload, claim)).SelectMany(Words).ToFrozenSet(StringComparer.Ordinal);
        var method = rules.IsOwn ? VerifiedCaller.OAuthMethod : VerifiedCaller.JwtMethod;
        return new VerifiedCaller
        {
            Identity = new ClaimsIdentity(Claims(payload, subject, scopes, rules), method, ClaimNames.Name, ClaimNames.Roles),
            Subject = subject,
            Scopes = scopes,
            JwtScopes = rules.IsOwn ? null : scopes,
            OwnScopes = rules.IsOwn ? scopes : null,
            Tools = rules.IsOwn ? ToolsOf(payload) : null,
            ClientId = UnverifiedToken.Text(payload, ClaimNames.ClientId),
            SessionId = UnverifiedToken.Text(payload, ClaimNames.SessionId),
            GrantId = UnverifiedToken.Text(payload, ClaimNames.GrantId),
            TokenId = UnverifiedToken.Text(payload, ClaimNames.TokenId),
            IssuedAt = DateOf(payload, ClaimNames.IssuedAt),
            Expires = DateOf(payload, ClaimNames.Expires),
            KeyId = keyId,
        };
    }

    /// <summary>A claim that is one text or an array of texts, like <c>aud</c> (RFC 7519 §4.1.3).</summary>
    public static IEnumerable<string> Texts(JsonElement payload, string claim)
    {
        if (!payload.TryGetProperty(claim, out var value))
        {
            return [];
        }

        return value.ValueKind == JsonValueKind.Array
            ? value.EnumerateArray().Select(TextOf).OfType<string>()
            : TextOf(value) is { } text ? [text] : [];
    }

    // Whoever cannot be understood has left nothing: a claim that is no array of texts allows no tool.
    private static FrozenSet<string>? ToolsOf(JsonElement payload) =>
        !payload.TryGetProperty(ClaimNames.Tools, out var value) ? null
        : value.ValueKind == JsonValueKind.Array && value.EnumerateArray().Select(TextOf).ToList() is var names && names.All(name => name is not null)
            ? names.OfType<string>().ToFrozenSet(StringComparer.Ordinal)
            : [];

    private static DateTimeOffset DateOf(JsonElement payload, string claim) =>
        DateTimeOffset.FromUnixTimeSeconds((long)Math.Clamp(NumericDate.Read(payload, claim) ?? 0, 0, 253_402_300_799));

    private static string? TextOf(JsonElement value)
    {
        try
        {
            return value.ValueKind == JsonValueKind.String ? value.GetString() : null;
        }
        catch (InvalidOperationException)
        {
            return null; // half of a surrogate pair: not a text
        }
    }

    private static string[] Words(string text) => text.Split(' ', StringSplitOptions.RemoveEmptyEntries);

    // Scopes come out in one form, whatever the issuer calls them; everything else as it stands, for tools that know the issuer.
    private static IEnumerable<Claim> Claims(JsonElement payload, string subject, FrozenSet<string> scopes, IssuerRules rules)
    {
        yield return new Claim(ClaimNames.Subject, subject, null, rules.Issuer);
        yield return new Claim(ClaimNames.Scope, string.Join(' ', scopes), null, rules.Issuer);
        foreach (var member in payload.EnumerateObject())
        {
            if (member.Name is ClaimNames.Subject or ClaimNames.Scope || rules.ScopeClaims.Contains(member.Name))
            {
                continue;
            }

            foreach (var text in member.Value.ValueKind == JsonValueKind.Number ? [member.Value.GetRawText()] : Texts(payload, member.Name))
            {
                yield return new Claim(member.Name, text, null, rules.Issuer);
            }
        }
    }
}
