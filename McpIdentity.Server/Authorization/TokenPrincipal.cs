using System.Collections.Immutable;
using System.Security.Claims;
using System.Text.Json;
using McpIdentity.Server.Sessions;
using Microsoft.IdentityModel.JsonWebTokens;
using OpenIddict.Abstractions;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace McpIdentity.Server.Authorization;

/// <summary>The claims of a subject: the one place that decides what stands in a token.</summary>
internal static class TokenPrincipal
{
    /// <summary>
    /// The tools that the person left to the client, where they took some away: an array of names (docs/decisions/0009). The MCP
    /// module knows it by the same name.
    /// </summary>
    public const string ToolsClaim = "mcp_tools";

    // In the grant, and in no token.
    private const string EndsByItselfClaim = "ends_by_itself";

    private const string JsonArray = "JSON_ARRAY"; // as OpenIddict and IdentityModel call the type of such a claim

    /// <param name="person">Who is signed in.</param>
    /// <param name="choice">What they have allowed.</param>
    /// <param name="resources">Where.</param>
    public static ClaimsPrincipal ForPerson(SignedInPerson person, ConsentChoice choice, ImmutableArray<string> resources)
    {
        var identity = new ClaimsIdentity("McpIdentity", Claims.Name, Claims.Role);
        identity.SetClaim(Claims.Subject, person.UserId)
            .SetClaim(JwtRegisteredClaimNames.Sid, person.SessionId)
            .SetClaim(Claims.Name, person.Name)
            .SetClaim(Claims.Email, person.Email)
            .SetClaim(Claims.EmailVerified, person.EmailVerified)
            // For what is asked again with each refresh: in the grant, and in no token.
            .SetClaim(SessionCookie.ProviderClaim, person.Provider)
            .SetClaim(SessionCookie.HostedDomainClaim, person.HostedDomain);
        if (person.AuthenticatedAt is { } moment)
        {
            identity.SetClaim(Claims.AuthenticationTime, moment.ToUnixTimeSeconds());
        }

        if (choice.Tools is { } tools)
        {
            identity.AddClaim(ClaimOf(tools));
        }

        if (!choice.StaysConnected)
        {
            identity.SetClaim(EndsByItselfClaim, true);
        }

        return new ClaimsPrincipal(identity.SetScopes(choice.Scopes).SetResources(resources));
    }

    /// <summary>Whether the person wants the access to end with its access token: no refresh token is issued.</summary>
    public static bool EndsByItself(ClaimsPrincipal granted) => granted.HasClaim(claim => claim.Type == EndsByItselfClaim);

    /// <summary>The tools that were left to the client; null: all that its scopes open.</summary>
    public static IReadOnlyList<string>? ToolsOf(ClaimsPrincipal granted) =>
        granted.FindFirst(ToolsClaim) is { } claim ? JsonSerializer.Deserialize(claim.Value, AuthorizationJson.Default.StringArray)! : null;

    /// <summary>Leaves of the tools that were granted those which are in a second list too.</summary>
    public static void LeaveTools(ClaimsPrincipal granted, IReadOnlyList<string> tools)
    {
        var identity = (ClaimsIdentity)granted.Identity!;
        IReadOnlyList<string> left = ToolsOf(granted) is { } before ? [.. before.Intersect(tools)] : tools;
        identity.RemoveClaims(ToolsClaim);
        identity.AddClaim(ClaimOf(left));
    }

    private static Claim ClaimOf(IReadOnlyList<string> tools) =>
        new(ToolsClaim, JsonSerializer.Serialize([.. tools], AuthorizationJson.Default.StringArray), JsonArray);

    /// <summary>RFC 6749 §4.4: the client speaks for itself; its identifier is the subject (RFC 9068 §2.2).</summary>
    public static ClaimsPrincipal ForClient(string clientId, ImmutableArray<string> scopes, ImmutableArray<string> resources)
    {
        var identity = new ClaimsIdentity("McpIdentity", Claims.Name, Claims.Role);
        identity.SetClaim(Claims.Subject, clientId);
        return new ClaimsPrincipal(identity.SetScopes(scopes).SetResources(resources));
    }

    /// <summary>
    /// Says of each claim in which tokens it stands. The access token says nothing of the person but who it is: everybody it
    /// passes can read it (RFC 9068 §6). Name and address are in the identity token, and at userinfo, by their scopes
    /// (OpenID Connect Core §5.4).
    /// </summary>
    /// <param name="principal">Of a new grant or of one that was stored, maybe by an earlier release that put more into tokens.</param>
    /// <param name="scopes">Of these tokens: fewer than the grant's when a refresh asked for fewer.</param>
    public static void SetDestinations(ClaimsPrincipal principal, ImmutableArray<string> scopes) => principal.SetDestinations(claim => claim.Type switch
    {
        Claims.Subject or JwtRegisteredClaimNames.Sid => [Destinations.AccessToken, Destinations.IdentityToken],
        ToolsClaim => [Destinations.AccessToken],
        Claims.AuthenticationTime => [Destinations.IdentityToken],
        Claims.Name when scopes.Contains(Scopes.Profile) => [Destinations.IdentityToken],
        Claims.Email or Claims.EmailVerified when scopes.Contains(Scopes.Email) => [Destinations.IdentityToken],
        _ => [],
    });
}
