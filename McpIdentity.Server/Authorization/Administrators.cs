using System.Security.Claims;
using McpIdentity.Server.Protocol;
using McpIdentity.Server.Settings;
using OpenIddict.Abstractions;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace McpIdentity.Server.Authorization;

/// <summary><c>Mcp:AdminUsers</c>: who is granted <c>mcp:admin</c> (LINK-14).</summary>
internal static class Administrators
{
    /// <summary>By e-mail address only where the provider has verified it, or by our own identifier.</summary>
    public static bool Include(McpHostOptions mcp, string? userId, string? email, bool emailVerified) =>
        (userId is not null && mcp.AdminUsers.Contains(userId)) ||
        (emailVerified && email is not null && mcp.AdminUsers.Contains(email, StringComparer.OrdinalIgnoreCase));

    /// <summary>Takes the scope from what was granted to somebody who is no administrator any more.</summary>
    public static void TakeScopeFromOthers(McpHostOptions mcp, ClaimsPrincipal granted)
    {
        if (granted.HasScope(ServerScopes.McpAdmin) &&
            !Include(mcp, granted.GetClaim(Claims.Subject), granted.GetClaim(Claims.Email), granted.GetClaim(Claims.EmailVerified) is "true" or "True"))
        {
            granted.SetScopes(granted.GetScopes().Remove(ServerScopes.McpAdmin));
        }
    }
}
