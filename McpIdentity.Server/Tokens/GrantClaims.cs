using System.Security.Claims;
using System.Text.Json;
using McpIdentity.Server.Keys;
using OpenIddict.Abstractions;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace McpIdentity.Server.Tokens;

/// <summary>The claims of a grant as they are stored: encrypted, because a person's name and address are among them.</summary>
internal sealed class GrantClaims(EncryptionKeys keys)
{
    public const string Purpose = "grants";

    public string Protect(ClaimsPrincipal principal) => keys.Protect(Purpose, JsonSerializer.SerializeToUtf8Bytes(
        [.. principal.Claims.Where(claim => !IsOfOneToken(claim)).Select(claim => new Stored(
            claim.Type, claim.Value, claim.ValueType == ClaimValueTypes.String ? null : claim.ValueType, [.. claim.GetDestinations()]))],
        TokensJson.Default.ListStored));

    /// <summary>The principal of a code, or of a refresh token, which needs nothing of what only the code's redemption checks.</summary>
    /// <returns>Null when the encryption key that protected it is not known any more.</returns>
    public ClaimsPrincipal? Unprotect(string protectedClaims, bool forCode)
    {
        if (keys.Unprotect(Purpose, protectedClaims) is not { } json)
        {
            return null;
        }

        var identity = new ClaimsIdentity("McpIdentity", Claims.Name, Claims.Role);
        foreach (var stored in JsonSerializer.Deserialize(json, TokensJson.Default.ListStored)!)
        {
            if (forCode || !IsOfCodeOnly(stored.Type))
            {
                var claim = new Claim(stored.Type, stored.Value, stored.ValueType ?? ClaimValueTypes.String);
                if (stored.Destinations is { Count: > 0 } destinations)
                {
                    claim.SetDestinations(destinations);
                }

                identity.AddClaim(claim);
            }
        }

        return new ClaimsPrincipal(identity);
    }

    // Written anew for each token from the grant's row.
    private static bool IsOfOneToken(Claim claim) => claim.Type is
        Claims.Private.TokenType or Claims.Private.CreationDate or Claims.Private.ExpirationDate or Claims.Private.AuthorizationId;

    private static bool IsOfCodeOnly(string type) => type is
        Claims.Private.RedirectUri or Claims.Private.CodeChallenge or Claims.Private.CodeChallengeMethod or Claims.Private.Nonce;

    /// <param name="Type">The claim's type.</param>
    /// <param name="Value">Its value as text.</param>
    /// <param name="ValueType">Null for a string.</param>
    /// <param name="Destinations">The tokens that it may stand in.</param>
    internal sealed record Stored(string Type, string Value, string? ValueType, List<string> Destinations);
}
