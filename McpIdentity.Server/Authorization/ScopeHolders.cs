using System.Security.Claims;
using McpIdentity.Server.Federation;
using McpIdentity.Server.Policy;
using McpIdentity.Server.Protocol;
using OpenIddict.Abstractions;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace McpIdentity.Server.Authorization;

/// <summary>
/// Who may have a scope that is not for everybody: by <c>OAuth:Resources:n:OnlyFor</c> (docs/scopes.md), and at a fronted server by policy
/// (docs/policy.md). Nobody is asked on the consent page for what they may not have; it is left out of what is granted, and a refresh
/// loses it when settings or policy have changed.
/// </summary>
internal sealed class ScopeHolders(Administrators administrators, TrustedProviders trusted, PolicyDecisions policy)
{
    /// <param name="scope">One of a resource.</param>
    /// <param name="person">Who would grant it; null for a client that speaks for itself.</param>
    /// <param name="clientId">Who would be granted it.</param>
    public bool Include(Scope scope, VouchedPerson? person, string? clientId) => scope.OnlyFor?.Any(entry => Includes(entry, person, clientId)) ?? true;

    /// <summary>The scopes of <paramref name="resource"/> that are not for who asks.</summary>
    /// <param name="resource">Where.</param>
    /// <param name="person">With the groups of their last sign-in; null for a client that speaks for itself.</param>
    /// <param name="clientId">Who would be granted them.</param>
    public IEnumerable<string> Withheld(ProtectedResource resource, VouchedPerson? person, string? clientId) =>
        Withheld(resource, person, clientId, resource.Server is null ? null : policy.CallerOf(person, clientId));

    /// <summary>The same of a grant, whose person may be in other groups by now.</summary>
    public async ValueTask<IEnumerable<string>> WithheldAsync(ProtectedResource resource, ClaimsPrincipal granted, string clientId, CancellationToken cancellationToken) =>
        Withheld(
            resource,
            VouchedPerson.Of(granted),
            clientId,
            resource.Server is null ? null : await policy.CallerAsync(granted.GetClaim(Claims.Subject)!, clientId, cancellationToken));

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

    private IEnumerable<string> Withheld(ProtectedResource resource, VouchedPerson? person, string? clientId, PolicyCaller? caller)
    {
        var granted = caller is null ? null : policy.ScopesAt(caller, resource.Server!);
        return resource.Scopes.Where(scope => !Include(scope, person, clientId) || granted?.Contains(scope.Name) == false).Select(scope => scope.Name);
    }

    private bool Includes(string entry, VouchedPerson? person, string? clientId) =>
        entry.StartsWith(Scope.Client, StringComparison.Ordinal) ? clientId == entry[Scope.Client.Length..]
        : person is not null && (
            entry == Scope.Administrators ? administrators.Include(person)
            : entry.StartsWith(Scope.Subject, StringComparison.Ordinal) ? person.UserId == entry[Scope.Subject.Length..]
            : trusted.CountAddressOf(person) && PersonEntry.Names(entry, person.Email!));
}
