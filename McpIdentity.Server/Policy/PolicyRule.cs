using McpIdentity.Server.Protocol;
using McpIdentity.Server.Settings;

namespace McpIdentity.Server.Policy;

/// <summary>A rule as it is decided by. It was checked before (<see cref="PolicyCheck"/>): an entry that cannot be read is not here.</summary>
internal sealed class PolicyRule
{
    /// <summary>Before a client's id in <c>Clients</c>: where it speaks for itself.</summary>
    public const string Service = "service:";

    private readonly string[]? _groups;
    private readonly IReadOnlyList<string>? _users;
    private readonly (bool OnlyService, NamePattern Id)[]? _clients;
    private readonly NamePattern[]? _servers;
    private readonly ToolEntry[]? _tools;
    private readonly bool _refusesUnknown;

    /// <param name="written">As it stands in its document.</param>
    /// <param name="groups">What the names of groups mean.</param>
    public PolicyRule(PolicyRuleOptions written, PolicyGroups groups)
    {
        Written = written;
        Effect = ParseEffect(written.Effect) ?? PolicyEffect.Deny;
        Decision = new PolicyDecision(Effect, written.Place);
        Scopes = written.Scopes is null ? null : [.. written.Scopes];
        _groups = written.Groups?.ToArray();
        _refusesUnknown = Effect == PolicyEffect.Deny && _groups is not null && Array.Exists(_groups, groups.MayBeSaid);
        _users = written.Users is null ? null : [.. written.Users];
        _clients = written.Clients?.Select(entry => entry.StartsWith(Service, StringComparison.Ordinal) ? (true, new NamePattern(entry[Service.Length..])) : (false, new NamePattern(entry))).ToArray();
        // Names of servers are keys of the configuration, which knows no case.
        _servers = written.Servers?.Select(entry => new NamePattern(entry, StringComparison.OrdinalIgnoreCase)).ToArray();
        _tools = written.Tools?.Select(ToolEntry.Parse).OfType<ToolEntry>().ToArray();
    }

    public PolicyRuleOptions Written { get; }

    public PolicyEffect Effect { get; }

    public PolicyDecision Decision { get; }

    /// <summary>What can be granted by it; null: every scope of the server.</summary>
    public IReadOnlyList<string>? Scopes { get; }

    /// <summary>Whether it speaks of everything that a server has.</summary>
    public bool IsOfEverything => _tools is null;

    public static PolicyEffect? ParseEffect(string? word) => word?.Trim().ToUpperInvariant() switch
    {
        "ALLOW" => PolicyEffect.Allow,
        "DENY" => PolicyEffect.Deny,
        "ASK" => PolicyEffect.Ask,
        _ => null,
    };

    /// <summary>Whether it speaks of this server, whoever calls.</summary>
    public bool SpeaksOf(string server) => _servers is null || Array.Exists(_servers, entry => entry.Matches(server));

    /// <summary>Whether it speaks of this caller at this server.</summary>
    public bool Concerns(PolicyCaller caller, string server) =>
        SpeaksOf(server) &&
        (_groups is null || Array.Exists(_groups, caller.Groups.Contains) || (_refusesUnknown && caller.LacksGroups)) && // a caller has hundreds at times, a rule a few
        (_users is null || (!caller.IsService && _users.Any(entry => Names(entry, caller, Effect == PolicyEffect.Deny ? caller.ClaimedEmail ?? caller.Email : caller.Email)))) &&
        (_clients is null || (caller.ClientId is { } client && Array.Exists(_clients, entry => (caller.IsService || !entry.OnlyService) && entry.Id.Matches(client))));

    public bool Matches(PolicyTarget target) => _tools is null || Array.Exists(_tools, entry => entry.Matches(target));

    /// <summary>Whether it matches whatever the other does, so that the other never decides where it comes later.</summary>
    public bool Covers(PolicyRule other) =>
        Covers(_servers, other._servers, (mine, its) => mine.Covers(its)) &&
        Covers(_groups, other._groups, (mine, its) => mine.Equals(its, StringComparison.OrdinalIgnoreCase)) &&
        Covers(_users, other._users, CoversUser) &&
        Covers(_clients, other._clients, (mine, its) => (its.OnlyService || !mine.OnlyService) && mine.Id.Covers(its.Id)) &&
        Covers(_tools, other._tools, (mine, its) => mine.Covers(its));

    private static bool Covers<T>(IEnumerable<T>? mine, IEnumerable<T>? others, Func<T, T, bool> covers) =>
        mine is null || (others is not null && others.All(its => mine.Any(entry => covers(entry, its))));

    private static bool CoversUser(string mine, string its) =>
        mine.StartsWith(Scope.Subject, StringComparison.Ordinal) || its.StartsWith(Scope.Subject, StringComparison.Ordinal)
            ? mine == its
            : mine.Equals(its, StringComparison.OrdinalIgnoreCase) || PersonEntry.Names(mine, its);

    private static bool Names(string entry, PolicyCaller caller, string? address) =>
        entry.StartsWith(Scope.Subject, StringComparison.Ordinal) ? caller.Subject == entry[Scope.Subject.Length..]
        : address is { } email && PersonEntry.Names(entry, email);
}
