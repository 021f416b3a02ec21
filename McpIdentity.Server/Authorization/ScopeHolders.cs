using System.Security.Claims;
using McpIdentity.Server.Federation;
using McpIdentity.Server.Policy;
using McpIdentity.Server.Protocol;
using McpIdentity.Server.Roles;
using McpIdentity.Server.Settings;
using Microsoft.Extensions.Options;
using OpenIddict.Abstractions;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace McpIdentity.Server.Authorization;

/// <summary>
/// Who may have a scope that is not for everybody: by <c>OAuth:Resources:n:OnlyFor</c> (docs/scopes.md), at a fronted server by policy
/// (docs/policy.md), and of the admin API by role (docs/administration.md). Nobody is asked on the consent page for what they may not have; it is left out of what is granted, and a refresh
/// loses it when settings or policy have changed.
/// </summary>
internal sealed class ScopeHolders(Administrators administrators, TrustedProviders trusted, PolicyDecisions policy, AdminRoles roles, IOptions<OAuthServerOptions> oauth)
{
    /// <param name="scope">One of a resource, and none of the admin API.</param>
    /// <param name="person">Who would grant it; null for a client that speaks for itself.</param>
    /// <param name="clientId">Who would be granted it.</param>
    public bool Include(Scope scope, VouchedPerson? person, string? clientId) => Include(scope, person, clientId, role: null);

    /// <summary>The scopes of <paramref name="resource"/> that are not for a client which speaks for itself.</summary>
    /// <param name="resource">Where.</param>
    /// <param name="clientId">Who would be granted them.</param>
    public IEnumerable<string> WithheldFromService(ProtectedResource resource, string? clientId) => Withheld(resource, person: null, clientId, CallerAt(resource, null, clientId), role: null);

    /// <summary>The scopes of <paramref name="resource"/> that are not for who asks.</summary>
    /// <param name="resource">Where.</param>
    /// <param name="person">With the groups of their last sign-in.</param>
    /// <param name="clientId">Who would be granted them.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public async ValueTask<IEnumerable<string>> WithheldAsync(ProtectedResource resource, VouchedPerson person, string? clientId, CancellationToken cancellationToken) =>
        Withheld(resource, person, clientId, CallerAt(resource, person, clientId), IsForRoles(resource) ? await roles.FindAsync(person, cancellationToken) : null);

    /// <summary>The same of a grant, whose person may be in other groups by now.</summary>
    public async ValueTask<IEnumerable<string>> WithheldAsync(ProtectedResource resource, ClaimsPrincipal granted, string clientId, CancellationToken cancellationToken) =>
        Withheld(
            resource,
            VouchedPerson.Of(granted),
            clientId,
            resource.Server is null ? null : await policy.CallerAsync(granted.GetClaim(Claims.Subject)!, clientId, cancellationToken),
            IsForRoles(resource) ? await roles.FindAsync(granted.GetClaim(Claims.Subject)!, cancellationToken) : null);

    /// <summary>Takes from what was granted the scopes that are not for who was granted them any more.</summary>
    /// <returns>False if nothing is left that opens the resource.</returns>
    public async ValueTask<bool> TakeFromOthersAsync(ClaimsPrincipal granted, ProtectedResource resource, string clientId, CancellationToken cancellationToken)
    {
        var before = granted.GetScopes();
        if (resource.Server is null && resource.Scopes.All(scope => scope.IsForEverybody || !before.Contains(scope.Name)))
        {
            return true; // as nearly always
        }

        granted.SetScopes(before.Except(await WithheldAsync(resource, granted, clientId, cancellationToken)));
        return !resource.Opens(before) || resource.Opens(granted.GetScopes());
    }

    private static bool IsForRoles(ProtectedResource resource) => resource.Scopes.Any(scope => scope.IsForRoles);

    private PolicyCaller? CallerAt(ProtectedResource resource, VouchedPerson? person, string? clientId) => resource.Server is null ? null : policy.CallerOf(person, clientId);

    private IEnumerable<string> Withheld(ProtectedResource resource, VouchedPerson? person, string? clientId, PolicyCaller? caller, AdminRole? role)
    {
        var granted = caller is null ? null : policy.ScopesAt(caller, resource.Server!);
        return resource.Scopes.Where(scope => !Include(scope, person, clientId, role) || granted?.Contains(scope.Name) == false).Select(scope => scope.Name);
    }

    private bool Include(Scope scope, VouchedPerson? person, string? clientId, AdminRole? role) => scope.OnlyFor?.Any(entry => Includes(entry, scope, person, clientId, role)) ?? true;

    private bool Includes(string entry, Scope scope, VouchedPerson? person, string? clientId, AdminRole? role) =>
        entry.StartsWith(Scope.Client, StringComparison.Ordinal) ? clientId == entry[Scope.Client.Length..]
        : entry == Scope.Services ? person is null && oauth.Value.StaticClients.Any(client => client.ClientId == clientId && client.AdminScopes.Contains(scope.Name))
        : person is not null && (
            entry == Scope.Administrators ? administrators.Include(person)
            : entry.StartsWith(Scope.Role, StringComparison.Ordinal) ? role is { } has && AdminRoles.NameOf(has) == entry[Scope.Role.Length..]
            : entry.StartsWith(Scope.Subject, StringComparison.Ordinal) ? person.UserId == entry[Scope.Subject.Length..]
            : trusted.CountAddressOf(person) && PersonEntry.Names(entry, person.Email!));
}
