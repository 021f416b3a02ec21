using McpIdentity.Server.Protocol;

namespace McpIdentity.Server.Policy;

/// <summary>
/// Who is in which group. A group that the policy defines has exactly the members that it names; every other name is a group where a
/// sign-in provider says so.
/// </summary>
internal sealed class PolicyGroups
{
    /// <summary>Before what a provider calls a group.</summary>
    public const string Claim = "claim:";

    private readonly ILookup<string, string> _byName; // of subjects and clients
    private readonly ILookup<string, string> _byAddress; // and domains
    private readonly ILookup<string, string> _byClaim;
    private readonly HashSet<string> _defined;
    private readonly HashSet<string> _ofClaims;

    /// <param name="groups">Each once, with its entries.</param>
    public PolicyGroups(IReadOnlyCollection<KeyValuePair<string, IList<string>>> groups)
    {
        var entries = groups.SelectMany(group => group.Value.Select(entry => (Entry: entry, group.Key))).ToList();
        _byName = entries.Where(pair => IsName(pair.Entry)).ToLookup(pair => pair.Entry, pair => pair.Key, StringComparer.Ordinal);
        _byClaim = entries.Where(pair => IsClaim(pair.Entry)).ToLookup(pair => pair.Entry[Claim.Length..], pair => pair.Key, StringComparer.OrdinalIgnoreCase);
        _byAddress = entries.Where(pair => !IsName(pair.Entry) && !IsClaim(pair.Entry)).ToLookup(pair => pair.Entry, pair => pair.Key, StringComparer.OrdinalIgnoreCase);
        _defined = groups.Select(group => group.Key).ToHashSet(StringComparer.OrdinalIgnoreCase);
        _ofClaims = groups.Where(group => group.Value.Any(IsClaim)).Select(group => group.Key).ToHashSet(StringComparer.OrdinalIgnoreCase);
    }

    public bool Define(string group) => _defined.Contains(group);

    /// <summary>Whether somebody may be in it because a sign-in provider says so.</summary>
    public bool MayBeSaid(string group) => !Define(group) || _ofClaims.Contains(group);

    /// <summary>Whether it can be an entry of a group.</summary>
    public static bool IsEntry(string entry) =>
        PersonEntry.Is(Scope.Subject, entry) || PersonEntry.Is(Scope.Client, entry) || PersonEntry.Is(Claim, entry) || PersonEntry.IsAddressOrDomain(entry);

    /// <summary>The groups of a client that speaks for itself, and by which entry each.</summary>
    public IEnumerable<(string Group, string Because)> OfService(string clientId) => Named(_byName, Scope.Client + clientId);

    /// <summary>The groups of a person, and by which entry each.</summary>
    /// <param name="subject">Their <c>sub</c>.</param>
    /// <param name="email">Their address, where it counts.</param>
    /// <param name="said">What their provider said, where it counts.</param>
    public IEnumerable<(string Group, string Because)> OfPerson(string? subject, string? email, IEnumerable<string> said)
    {
        IEnumerable<(string, string)> all = subject is null ? [] : Named(_byName, Scope.Subject + subject);
        if (email is not null)
        {
            all = all.Concat(Named(_byAddress, email)).Concat(Named(_byAddress, PersonEntry.DomainOf(email)));
        }

        return all.Concat(said.SelectMany(word => _byClaim[word].Select(group => (group, Claim + word)).Concat(Define(word) ? [] : [(word, Claim + word)])));
    }

    private static IEnumerable<(string Group, string Because)> Named(ILookup<string, string> groups, string entry) => groups[entry].Select(group => (group, entry));

    private static bool IsClaim(string entry) => entry.StartsWith(Claim, StringComparison.Ordinal);

    private static bool IsName(string entry) =>
        entry.StartsWith(Scope.Subject, StringComparison.Ordinal) || entry.StartsWith(Scope.Client, StringComparison.Ordinal);
}
