using System.Security.Claims;
using McpIdentity.Server.Protocol;
using OpenIddict.Abstractions;

namespace McpIdentity.Server.Authorization;

/// <summary>
/// Who may have a scope that is not for everybody (<c>OAuth:Resources:n:OnlyFor</c>, docs/scopes.md). Nobody is asked on the consent
/// page for what they may not have; it is left out of what is granted, and a refresh loses it when the settings have changed.
/// </summary>
internal sealed class ScopeHolders(Administrators administrators)
{
    /// <param name="scope">One of a resource.</param>
    /// <param name="person">Who would grant it; null for a client that speaks for itself.</param>
    /// <param name="clientId">Who would be granted it.</param>
    public bool Include(Scope scope, VouchedPerson? person, string? clientId) => scope.OnlyFor?.Any(entry => Includes(entry, person, clientId)) ?? true;

    /// <summary>The scopes of <paramref name="resource"/> that are not for who asks.</summary>
    public IEnumerable<string> Withheld(ProtectedResource resource, VouchedPerson? person, string? clientId) =>
        resource.Scopes.Where(scope => !Include(scope, person, clientId)).Select(scope => scope.Name);

    /// <summary>Takes from what was granted the scopes that are not for who was granted them any more.</summary>
    /// <returns>False if nothing is left that opens the resource.</returns>
    public bool TakeFromOthers(ClaimsPrincipal granted, ProtectedResource resource, string clientId)
    {
        var before = granted.GetScopes();
        if (resource.Scopes.All(scope => scope.IsForEverybody || !before.Contains(scope.Name)))
        {
            return true; // as nearly always
        }

        granted.SetScopes(before.Except(Withheld(resource, VouchedPerson.Of(granted), clientId)));
        return !resource.Opens(before) || resource.Opens(granted.GetScopes());
    }

    private bool Includes(string entry, VouchedPerson? person, string? clientId) =>
        entry.StartsWith(Scope.Client, StringComparison.Ordinal) ? clientId == entry[Scope.Client.Length..]
        : person is not null && (
            entry == Scope.Administrators ? administrators.Include(person)
            : entry.StartsWith(Scope.Subject, StringComparison.Ordinal) ? person.UserId == entry[Scope.Subject.Length..]
            : administrators.CountsAddressOf(person) && IsAddress(entry, person.Email!));

    // An address, or "@" and its domain.
    private static bool IsAddress(string entry, string email) =>
        (entry[0] == '@' ? email[Math.Max(email.LastIndexOf('@'), 0)..] : email).Equals(entry, StringComparison.OrdinalIgnoreCase);
}
