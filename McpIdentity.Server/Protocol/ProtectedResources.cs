using McpIdentity.Mcp;
using McpIdentity.Server.Settings;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Protocol;

/// <summary>
/// The resources that tokens are minted for (RFC 8707): our own MCP endpoint, those of <c>OAuth:Resources</c>, the servers that
/// this one stands before, and the admin API.
/// </summary>
internal sealed class ProtectedResources(PublicAddress address, IOptions<McpOptions> mcp, IOptions<OAuthServerOptions> oauth, IOptions<AdminOptions> admin)
{
    private static readonly string[] Usual = [ServerScopes.Mcp, ServerScopes.McpCall];

    private readonly ProtectedResource[] _further = [.. oauth.Value.Resources.Select(Describe)];
    private Known _known = new([]);

    /// <summary>All of them, the default first.</summary>
    // Our own endpoint goes by the address that the request came to; that is one constant but for a developer's tunnel.
    public IReadOnlyList<ProtectedResource> All
    {
        get
        {
            var known = _known;
            return address.IsConfigured ? known.Configured ??= Named(known.Fronted) : Named(known.Fronted);
        }
    }

    /// <summary>Every canonical identifier: exactly what stands in <c>aud</c>.</summary>
    public IEnumerable<string> Canonical => All.Select(resource => resource.Identifier);

    /// <summary>What a client gets that names no resource (docs/interoperability.md, "No resource"): our MCP endpoint while it is served.</summary>
    public ProtectedResource Default => All[0];

    /// <summary>Our own MCP endpoint; null where it is not served.</summary>
    public ProtectedResource? Own => Get(address.UrlOf(mcp.Value.Path));

    /// <summary>The admin API; null where it is not served.</summary>
    public ProtectedResource? Admin => admin.Value.Api ? Get(address.UrlOf(Paths.AdminApi)) : null;

    /// <summary>Every scope of any of them, once; of the admin API none, which clients would ask for that ask for all that they see.</summary>
    public IEnumerable<string> AllScopes => All.Where(resource => resource.Identifier != address.UrlOf(Paths.AdminApi)).SelectMany(resource => resource.Scopes).Concat(ServerScopes.OfPeople).Select(scope => scope.Name).Distinct();

    /// <summary>The scopes that a client registers without saying for which resource; the default when it names none that there is.</summary>
    public IReadOnlyList<string> KnownOf(IEnumerable<string> scopes) => AllScopes.Intersect(scopes).ToArray() is { Length: > 0 } known ? known : Default.DefaultScopes;

    /// <returns>The resource of a canonical identifier; null when it is served no more.</returns>
    public ProtectedResource? Get(string? identifier) => All.FirstOrDefault(resource => resource.Identifier == identifier);

    /// <summary>
    /// The resource that <paramref name="indicator"/> means, or null. Real clients add a slash, leave the path out, or change
    /// the case of the host (docs/interoperability.md, "Spellings of the resource"); a fragment or a query makes it something else (RFC 8707 §2).
    /// </summary>
    public ProtectedResource? Find(string indicator)
    {
        if (Get(indicator) is { } exact)
        {
            return exact;
        }

        if (!Uri.TryCreate(indicator, UriKind.Absolute, out var uri) || uri is not { Fragment: "", Query: "", UserInfo: "" })
        {
            return null;
        }

        ProtectedResource[] atThisOrigin = [.. All.Where(resource => Origin(resource.Url) == Origin(uri))];
        return Array.Find(atThisOrigin, resource => IsSame(resource.Url, uri)) ?? (uri.AbsolutePath == "/" ? TheOne([.. atThisOrigin.Where(resource => resource.Identifier != address.UrlOf(Paths.AdminApi))]) : null);
    }

    /// <summary>Whether two spellings name one resource: scheme and host without case, no default port, no slash at the end.</summary>
    // Uri lower-cases scheme and host and drops a default port: the normalisation of RFC 3986 §6.2.2.
    public static bool IsSame(Uri one, Uri other) => Origin(one) == Origin(other) && one.AbsolutePath.TrimEnd('/') == other.AbsolutePath.TrimEnd('/');

    /// <summary>Puts in force which servers this one stands before; they are known at once.</summary>
    public void Front(IReadOnlyList<FrontedResource> servers) => _known = new Known(servers);

    /// <summary>Whether there is any of them.</summary>
    public bool AreFronted => _known.Fronted.Count > 0;

    // An entry for our own endpoint adds scopes and words to those it has.
    private ProtectedResource[] Named(IReadOnlyList<FrontedResource> servers)
    {
        var own = new Uri(address.UrlOf(mcp.Value.Path));
        var fronted = servers.Select(server => Describe(server, address.UrlOf(server.Path)));
        if (!mcp.Value.Enabled && _further.Length + servers.Count > 0)
        {
            return [.. _further, .. fronted, .. OfAdminApi()];
        }

        var entry = oauth.Value.Resources.FirstOrDefault(resource => IsSame(new Uri(resource.Resource!), own));
        var served = entry is null
            ? new ProtectedResource(own, ServerScopes.OfOwnEndpoint, Usual)
            : new ProtectedResource(
                own,
                [.. ServerScopes.OfOwnEndpoint.ExceptBy(entry.Scopes.Keys, scope => scope.Name).Select(scope => AsIn(entry, scope)).Concat(ScopesOf(entry))],
                entry.DefaultScopes.Count > 0 ? [.. entry.DefaultScopes] : Usual)
            {
                Name = entry.Name,
            };
        return [served, .. _further.Where(resource => !IsSame(resource.Url, own)), .. fronted, .. OfAdminApi()];
    }

    private ProtectedResource[] OfAdminApi() => !admin.Value.Api ? [] :
    [
        new(new Uri(address.UrlOf(Paths.AdminApi)), ServerScopes.OfAdminApi, [ServerScopes.AdminRead]) { Name = "Administration of this server" },
    ];

    private static ProtectedResource Describe(FrontedResource server, string url)
    {
        IReadOnlyList<Scope> scopes = server.Scopes.Count > 0 ? server.Scopes : ServerScopes.OfMcpServers;
        return new ProtectedResource(new Uri(url), scopes, server.DefaultScopes.Count > 0 ? server.DefaultScopes : DefaultsOf([.. scopes]))
        {
            Name = server.Name,
            Fronted = server,
        };
    }

    private static ProtectedResource Describe(ResourceOptions entry)
    {
        Scope[] scopes = entry.Scopes.Count > 0 ? [.. ScopesOf(entry)] : [.. ServerScopes.OfMcpServers.Select(scope => AsIn(entry, scope))];
        return new ProtectedResource(
            new Uri(entry.Resource!),
            scopes,
            entry.DefaultScopes.Count > 0 ? [.. entry.DefaultScopes] : DefaultsOf(scopes))
        {
            Name = entry.Name,
        };
    }

    // What everybody may have; where there is nothing of the kind, what is for some, of which nobody gets more than is theirs.
    private static string[] DefaultsOf(Scope[] scopes) =>
        ((Scope[][])[[.. scopes.Where(scope => scope.IsForEverybody)], [.. scopes.Where(scope => !scope.IsForAdministrators)], scopes])
            .First(some => some.Length > 0).Select(scope => scope.Name).ToArray();

    private static IEnumerable<Scope> ScopesOf(ResourceOptions entry) => entry.Scopes
        .Select(scope => AsIn(entry, new Scope(scope.Key, scope.Value) { OnlyFor = scope.Key == ServerScopes.McpAdmin ? ServerScopes.ForAdministrators : null }));

    // With what the entry says beside the scope itself.
    private static Scope AsIn(ResourceOptions entry, Scope scope) => scope with
    {
        OnlyFor = entry.OnlyFor.TryGetValue(scope.Name, out var some) ? [.. some] : scope.OnlyFor,
        Translations = entry.Translations.Where(language => language.Value.ContainsKey(scope.Name))
            .ToDictionary(language => language.Key, language => language.Value[scope.Name], StringComparer.OrdinalIgnoreCase),
    };

    // An origin alone means our endpoint, or the only resource there; among several it means none.
    private ProtectedResource? TheOne(ProtectedResource[] resources) =>
        Array.Find(resources, resource => resource.Identifier == address.UrlOf(mcp.Value.Path)) ?? (resources.Length == 1 ? resources[0] : null);

    private static string Origin(Uri uri) => uri.GetLeftPart(UriPartial.Authority);

    // Both at once, so that nobody puts the resources of other servers beside these.
    private sealed record Known(IReadOnlyList<FrontedResource> Fronted)
    {
        public ProtectedResource[]? Configured { get; set; }
    }
}
