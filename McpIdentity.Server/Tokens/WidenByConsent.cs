using McpIdentity.Server.Authorization;
using McpIdentity.Server.Protocol;
using McpIdentity.Server.Revocation;
using OpenIddict.Abstractions;
using OpenIddict.Server;
using static OpenIddict.Abstractions.OpenIddictConstants;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace McpIdentity.Server.Tokens;

/// <summary>
/// docs/decisions/0007: a refresh gives what its grant has, and beside it what the person has allowed since then: the same client,
/// at the same resource, with the answer going to the same place. Clients meet a 403 with a refresh, and could otherwise never
/// step up.
/// </summary>
internal sealed class WidenByConsent(RememberedScopes remembered, GrantClaims claims, ProtectedResources resources, ScopeHolders holders) : IOpenIddictServerHandler<ValidateTokenRequestContext>
{
    // A grant is made some moments after its own consent, perhaps by another node, and its date is cut to whole seconds.
    private static readonly TimeSpan OwnConsent = RevocationList.Skew + TimeSpan.FromSeconds(1);

    public async ValueTask HandleAsync(ValidateTokenRequestContext context)
    {
        if (context.RefreshTokenPrincipal is not { } granted || PresentedToken.Find(context.Transaction) is not { } presented)
        {
            return;
        }

        // Administering is never added behind somebody's back; offline_access adds nothing.
        var resource = resources.Get(granted.GetResources().Single())!;
        var asked = context.Request.GetScopes().Remove(Scopes.OfflineAccess);
        var withheld = await holders.WithheldAsync(resource, granted, presented.Grant.ClientId, context.CancellationToken);
        var candidates = (asked.Length > 0 ? resource.Grantable.Where(scope => asked.Contains(scope.Name)) : resource.Scopes)
            .Where(scope => !scope.IsForAdministrators && !granted.HasScope(scope.Name))
            .Select(scope => scope.Name).Except(withheld).ToList();
        if (candidates.Count == 0)
        {
            return; // as of nearly every refresh: nothing is looked up
        }

        if (claims.Unprotect(presented.Grant.ProtectedClaims, forCode: true)?.GetClaim(Claims.Private.RedirectUri) is not { } redirectUri ||
            await remembered.FindAsync(presented.Grant.UserId, presented.Grant.ClientId, redirectUri, resource.Identifier, context.CancellationToken) is not { } consent)
        {
            return;
        }

        // What was allowed before is not taken up again: that client has asked for less.
        string[] added = [.. candidates.Intersect(consent.LastScopes)];
        if (added.Length == 0 || consent.GrantedAt <= presented.Grant.CreatedAt + OwnConsent)
        {
            return;
        }

        granted.SetScopes(granted.GetScopes().Union(added));
        if (consent.Tools is { } tools)
        {
            // Its scopes come with its tools; those that the grant has lost do not come back.
            TokenPrincipal.LeaveTools(granted, tools);
        }
    }
}
