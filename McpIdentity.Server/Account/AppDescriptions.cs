using System.Security.Claims;
using McpIdentity.Migrations;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Authorization;
using McpIdentity.Server.Clients;
using McpIdentity.Server.Clients.Documents;
using McpIdentity.Server.Pages;
using McpIdentity.Server.Protocol;
using McpIdentity.Server.Sessions;
using McpIdentity.Server.Tokens;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Localization;
using OpenIddict.Abstractions;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace McpIdentity.Server.Account;

/// <summary>What a person is told of the apps on one page of the list: from the grants themselves, in as many queries for twenty as for one.</summary>
internal sealed class AppDescriptions(
    McpIdentityDbContext db, ConnectedApps apps, IOpenIddictApplicationManager clients, GrantClaims claims, ISessionStorage sessions, ProtectedResources resources,
    ConsentOffers offers, IStringLocalizer<Words> words)
{
    /// <param name="userId">Whose apps they are.</param>
    /// <param name="entries">Which.</param>
    /// <param name="languages">That the person reads, the best first.</param>
    /// <param name="cancellationToken">Ends the work.</param>
    public async Task<IReadOnlyList<AppDescription>> DescribeAsync(
        string userId, IReadOnlyList<ConnectedApps.Entry> entries, IReadOnlyList<string> languages, CancellationToken cancellationToken)
    {
        if (entries.Count == 0)
        {
            return [];
        }

        string[] keys = [.. entries.Select(entry => entry.Key)];
        string[] ids = [.. entries.Select(entry => entry.ClientId)];
        var grants = await apps.GrantsOfAsync(userId, keys, cancellationToken);
        var consents = await apps.ConsentsOfAsync(userId, keys, cancellationToken);
        var rows = await db.Clients.AsNoTracking().Where(client => ids.Contains(client.ClientId)).ToDictionaryAsync(client => client.ClientId!, cancellationToken);
        var browsers = (await sessions.ListOfAsync(userId, cancellationToken)).ToDictionary(session => session.Id);
        var described = new List<AppDescription>();
        foreach (var entry in entries)
        {
            var row = rows.GetValueOrDefault(entry.ClientId);
            var properties = row is null ? [] : await clients.GetPropertiesAsync(row, cancellationToken);
            var allowed = Allowed(grants[entry.Key], consents[entry.Key]).ToList();
            described.Add(new AppDescription(entry, row?.Id ?? entry.ClientId, ClientNames.Shorten(ClientNames.Clean(row?.DisplayName) ?? entry.ClientId))
            {
                IsGone = row is null,
                IsNamedByOperator = OperatorClients.IsNamedByOperator(properties),
                VerifiedHost = DocumentTimes.Of(properties) is null ? null : new Uri(entry.ClientId).Authority,
                // The port of a program on this computer is another one each time.
                Targets = [.. allowed.Select(one => RedirectUris.WithoutLoopbackPort(one.RedirectUri)).Where(uri => uri.Length > 0).Distinct().Select(RedirectTarget.Of).DistinctBy(target => (target.Kind, target.Name))],
                Places = [.. allowed.GroupBy(one => one.Resource).Select(place => Place(place.Key, [.. place], languages))],
                FirstBrowser = grants[entry.Key].FirstOrDefault() is { } first ? browsers.GetValueOrDefault(first.SessionId) : null,
            });
        }

        return described;
    }

    // Of a grant whose encryption key is gone nothing can be read; it is good for nothing either.
    private IEnumerable<Permission> Allowed(IEnumerable<Grant> grants, IEnumerable<Consent> consents) => grants
        .Select(grant => claims.Unprotect(grant.ProtectedClaims, forCode: true)).OfType<ClaimsPrincipal>()
        .Select(granted => new Permission(
            granted.GetResources().FirstOrDefault() ?? "", granted.GetScopes(), granted.GetClaim(Claims.Private.RedirectUri) ?? "", TokenPrincipal.ToolsOf(granted)))
        .Concat(consents.Select(consent => new Permission(consent.Resource, consent.Scopes.Split(' '), consent.RedirectUri, RememberedScopes.ParseTools(consent.Tools))));

    private AppDescription.AllowedAt Place(string identifier, IReadOnlyList<Permission> permissions, IReadOnlyList<string> languages)
    {
        var resource = resources.Get(identifier);
        var scopes = permissions.SelectMany(permission => permission.Scopes).Distinct().Order(StringComparer.Ordinal).Select(name =>
        {
            var (meaning, language) = resource?.Grantable.FirstOrDefault(scope => scope.Name == name) is { } scope ? ScopeRow.Explain(scope, languages, words) : (name, null);
            return (name, meaning, language);
        });
        return new(resource?.Name, identifier, [.. scopes])
        {
            Tools = ToolsOf([.. permissions.Where(permission => offers.CallableWith(identifier, [.. permission.Scopes], caller: null).Count > 0)]),
        };
    }

    // Of those that call any. One from which none was taken away has all.
    private static string[]? ToolsOf(IReadOnlyList<Permission> permissions) => permissions.Count > 0 && permissions.All(permission => permission.Tools is not null)
        ? [.. permissions.SelectMany(permission => permission.Tools!).Distinct().Order(StringComparer.Ordinal)]
        : null;

    private sealed record Permission(string Resource, IEnumerable<string> Scopes, string RedirectUri, IEnumerable<string>? Tools);
}

/// <summary>An app as its person reads of it.</summary>
/// <param name="Entry">Which, and since when.</param>
/// <param name="Reference">What stands for it in addresses and forms: short, as a <c>client_id</c> need not be.</param>
/// <param name="Name">What it calls itself, or is called; its <c>client_id</c> where it has no name that can be shown.</param>
internal sealed record AppDescription(ConnectedApps.Entry Entry, string Reference, string Name)
{
    /// <summary>Nothing is known of it any more but what it was allowed.</summary>
    public required bool IsGone { get; init; }

    public required bool IsNamedByOperator { get; init; }

    /// <summary>Whose document describes it; null for one that is registered.</summary>
    public required string? VerifiedHost { get; init; }

    /// <summary>Where its answers went.</summary>
    public required IReadOnlyList<RedirectTarget> Targets { get; init; }

    /// <summary>What it was allowed.</summary>
    public required IReadOnlyList<AllowedAt> Places { get; init; }

    /// <summary>The browser that it was first connected from, of the grants that live; null when nothing is kept of it any more.</summary>
    public required SignInSession? FirstBrowser { get; init; }

    /// <param name="Name">What the resource is called; null where nobody has said.</param>
    /// <param name="Identifier">Its URL.</param>
    /// <param name="Scopes">What may be done there, with words and the tag of their language (null: that of the page).</param>
    internal sealed record AllowedAt(string? Name, string Identifier, IReadOnlyList<(string Name, string Words, string? Language)> Scopes)
    {
        /// <summary>The tools that were left to it; null: the person took none away.</summary>
        public IReadOnlyList<string>? Tools { get; init; }
    }
}
