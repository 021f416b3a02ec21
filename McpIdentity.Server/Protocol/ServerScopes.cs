using System.Collections.Frozen;
using System.Collections.ObjectModel;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace McpIdentity.Server.Protocol;

/// <summary>A scope, and what it means to a person.</summary>
internal sealed record Scope(string Name, string Meaning)
{
    /// <summary>No tag of a language is longer (RFC 5646 §4.4.1).</summary>
    public const int MaxTagLength = 35;

    /// <summary>In <see cref="OnlyFor"/>: the people of <c>Mcp:AdminUsers</c>.</summary>
    public const string Administrators = "administrators";

    /// <summary>In <see cref="OnlyFor"/>, before a person's <c>sub</c>.</summary>
    public const string Subject = "subject:";

    /// <summary>In <see cref="OnlyFor"/>, before a client's identifier.</summary>
    public const string Client = "client:";

    /// <summary>In <see cref="OnlyFor"/>, before a role of whoever administers this server; of the admin API's scopes alone.</summary>
    public const string Role = "role:";

    /// <summary>In <see cref="OnlyFor"/>: the clients of <c>OAuth:StaticClients</c> that name the scope in <c>AdminScopes</c>.</summary>
    public const string Services = "services";

    /// <summary>Whether an entry of a list of people is an e-mail address, or a domain of them.</summary>
    public static bool IsOfAddresses(string entry) =>
        entry.Contains('@') && !entry.StartsWith(Subject, StringComparison.Ordinal) && !entry.StartsWith(Client, StringComparison.Ordinal);

    /// <summary>Who may have it, as <c>OAuth:Resources:n:OnlyFor</c> says; null: everybody.</summary>
    public IReadOnlyList<string>? OnlyFor { get; init; }

    /// <summary>The meaning in other languages than that of the pages, by their tags.</summary>
    public IReadOnlyDictionary<string, string> Translations { get; init; } = ReadOnlyDictionary<string, string>.Empty;

    /// <summary>The meaning in the language that is preferred of those that there are (RFC 4647 §3.4), or as it stands.</summary>
    /// <param name="languages">Tags, the best first.</param>
    /// <returns>The words, and the tag of their language; empty for that of the page.</returns>
    public (string Words, string Language) MeaningIn(IEnumerable<string> languages)
    {
        foreach (var preferred in languages)
        {
            for (var tag = preferred; tag.Length > 0; tag = tag[..Math.Max(tag.LastIndexOf('-'), 0)])
            {
                if (Translations.TryGetValue(tag, out var words))
                {
                    return (words, tag);
                }

                if (tag.Equals(ServerScopes.Language, StringComparison.OrdinalIgnoreCase))
                {
                    return (Meaning, "");
                }
            }
        }

        return (Meaning, "");
    }

    public bool IsForEverybody => OnlyFor is null;

    /// <summary>Whether it is for who has a role.</summary>
    public bool IsForRoles => OnlyFor?.Any(entry => entry.StartsWith(Role, StringComparison.Ordinal)) == true;

    public bool IsForAdministrators => OnlyFor?.Contains(Administrators) == true;
}

/// <summary>The scopes that this server has words for; a resource of <c>OAuth:Resources</c> may name its own (<see cref="ProtectedResource"/>).</summary>
internal static class ServerScopes
{
    /// <summary>Of the words here, and of the pages.</summary>
    public const string Language = "en";

    public const string Mcp = "mcp";
    public const string McpCall = "mcp:call";
    public const string McpAdmin = "mcp:admin";
    public const string AdminRead = "admin:read";
    public const string AdminWrite = "admin:write";
    public const string AdminKeys = "admin:keys";
    public const string AuditRead = "audit:read";

    /// <summary>Who may have <c>mcp:admin</c>, where nothing else is said.</summary>
    public static readonly IReadOnlyList<string> ForAdministrators = [Scope.Administrators];

    /// <summary>Of an MCP server that names none, in the order of the consent page.</summary>
    public static readonly IReadOnlyList<Scope> OfMcpServers =
    [
        new(Mcp, "Connect to the MCP server and see what it offers"),
        new(McpCall, "Run the MCP server's tools in your name"),
        new(McpAdmin, "Administer the MCP server") { OnlyFor = ForAdministrators },
    ];

    /// <summary>The same of our own endpoint, whose tools look up who calls (<c>whoami</c>).</summary>
    public static readonly IReadOnlyList<Scope> OfOwnEndpoint =
    [
        .. OfMcpServers.Select(scope => scope.Name == McpCall
            ? scope with { Meaning = "Run the MCP server's tools in your name. They see your name and e-mail address" }
            : scope),
    ];

    /// <summary>Of the admin API, each for the roles that may do any of it.</summary>
    public static readonly IReadOnlyList<Scope> OfAdminApi =
    [
        new(AdminRead, "See who and what is connected to this server, as far as your role allows") { OnlyFor = ["role:owner", "role:operator", "role:auditor", "role:helpdesk", Scope.Services] },
        new(AdminWrite, "Change this server and end access of people and apps, as far as your role allows") { OnlyFor = ["role:owner", "role:operator", "role:helpdesk", Scope.Services] },
        new(AdminKeys, "Change the keys that this server signs tokens with") { OnlyFor = ["role:owner", Scope.Services] },
        new(AuditRead, "Read what this server has recorded of everybody") { OnlyFor = ["role:owner", "role:operator", "role:auditor", Scope.Services] },
    ];

    /// <summary>About the person and the grant, at every resource. A client that speaks for itself is not granted them (RFC 6749 §4.4).</summary>
    public static readonly IReadOnlyList<Scope> OfPeople =
    [
        new(Scopes.OpenId, "Know that it is you"),
        new(Scopes.Profile, "See your name"),
        new(Scopes.Email, "See your e-mail address"),
        new(Scopes.OfflineAccess, "Stay connected until you disconnect it"),
    ];

    private static readonly FrozenSet<string> Meanings = OfMcpServers.Concat(OfOwnEndpoint).Concat(OfAdminApi).Concat(OfPeople).Select(scope => scope.Meaning).ToFrozenSet(StringComparer.Ordinal);

    /// <summary>Whether the words are ours, and said in every language of the pages.</summary>
    public static bool Explain(string meaning) => Meanings.Contains(meaning);
}
