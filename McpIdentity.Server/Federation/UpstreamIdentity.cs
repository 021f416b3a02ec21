using System.Security.Claims;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace McpIdentity.Server.Federation;

/// <summary>What an upstream provider said of a person.</summary>
internal sealed record UpstreamIdentity(string Provider, string Subject, string? Name, string? Email, bool EmailVerified)
{
    // The tenant of personal Microsoft accounts, whose addresses Microsoft has verified.
    private const string PersonalAccounts = "9188040d-6c67-4c5b-b112-36a304b66dad";

    private static readonly string[] SharedTenants = ["common", "organizations", "consumers"];

    /// <summary>The one place where the providers' different words become ours.</summary>
    /// <param name="provider">Who speaks.</param>
    /// <param name="claims">What OpenIddict's client merged of id_token and userinfo.</param>
    /// <returns>Null when the answer says of nobody who they are.</returns>
    public static UpstreamIdentity? From(UpstreamProvider provider, ClaimsPrincipal claims)
    {
        var subject = claims.FindFirstValue(Claims.Subject) ?? claims.FindFirstValue(ClaimTypes.NameIdentifier);
        if (string.IsNullOrEmpty(subject) || (provider.Type == UpstreamProvider.Microsoft && !IsOfItsTenant(provider, claims)))
        {
            return null;
        }

        var email = claims.FindFirstValue(Claims.Email) ?? claims.FindFirstValue(ClaimTypes.Email);
        return new UpstreamIdentity(
            provider.Id,
            subject,
            claims.FindFirstValue(Claims.Name) ?? claims.FindFirstValue(Claims.PreferredUsername) ?? claims.FindFirstValue(ClaimTypes.Name),
            email,
            email is not null && IsVerified(provider, claims));
    }

    private static bool IsVerified(UpstreamProvider provider, ClaimsPrincipal claims) => provider.Type switch
    {
        // Anyone can be administrator of some tenant and write any address there: only xms_edov ("e-mail domain owner
        // verified"), Microsoft's own accounts, or the operator's own tenant make it more than a claim.
        UpstreamProvider.Microsoft => Flag(claims, "xms_edov")
            ?? (!IsShared(provider) || claims.FindFirstValue("tid") == PersonalAccounts || provider.Options.TrustEmail),
        _ => Flag(claims, Claims.EmailVerified) ?? provider.Options.TrustEmail,
    };

    private static bool IsShared(UpstreamProvider provider) =>
        provider.Options.Settings.TryGetValue("Tenant", out var tenant) && SharedTenants.Contains(tenant, StringComparer.OrdinalIgnoreCase);

    // OpenIddict cannot compare the issuer of a shared tenant: each organisation has its own, with the tenant's id in it.
    private static bool IsOfItsTenant(UpstreamProvider provider, ClaimsPrincipal claims) =>
        !IsShared(provider) || provider.Options.Issuer is not null ||
        (claims.FindFirstValue("tid") is { Length: > 0 } tenant && claims.FindFirstValue(Claims.Issuer) == $"https://login.microsoftonline.com/{tenant}/v2.0");

    private static bool? Flag(ClaimsPrincipal claims, string type) => claims.FindFirstValue(type)?.ToUpperInvariant() switch
    {
        "TRUE" or "1" => true,
        null => null,
        _ => false,
    };
}
