using System.Runtime.CompilerServices;
using McpIdentity.Server.Federation;
using McpIdentity.Server.Sessions;

namespace McpIdentity.Server.Policy;

/// <summary>
/// Who may do what at a fronted server: asked when a token is minted and with each call. Nothing here waits but
/// <see cref="CallerAsync"/>, which asks the database of a person once a minute at most.
/// </summary>
internal sealed class PolicyDecisions(PolicyInForce inForce, People people, TrustedProviders trusted)
{
    // Found once for a person as they are known and a policy, and gone with what is known of them.
    private readonly ConditionalWeakTable<PersonRecord, Known> _known = [];

    /// <summary>Whoever holds a token, with the groups that they are in at this moment.</summary>
    /// <exception cref="Persistence.StorageUnavailableException">The database is away, and this node does not know the person.</exception>
    public async ValueTask<PolicyCaller> CallerAsync(string subject, string? clientId, CancellationToken cancellationToken) =>
        subject == clientId ? CallerOf(person: null, clientId)
        : await people.FindAsync(subject, cancellationToken) is { } record ? KnownCaller(subject, record, clientId)
        : CallerOf(new VouchedPerson(subject, null, null, false), clientId); // deleted: their tokens end by revocation

    /// <summary>The same of what is at hand.</summary>
    /// <param name="person">Null for a client that speaks for itself.</param>
    /// <param name="clientId">Through which client.</param>
    public PolicyCaller CallerOf(VouchedPerson? person, string? clientId) => CallerOf(inForce.Current, person, clientId);

    /// <summary>The same by a policy that may not be in force.</summary>
    public PolicyCaller CallerOf(PolicySet policy, VouchedPerson? person, string? clientId) => new(person is null ? clientId : person.UserId, clientId)
    {
        Provider = person?.Provider,
        Email = person is not null && trusted.CountAddressOf(person) ? person.Email : null,
        ClaimedEmail = person?.Email,
        Policy = policy,
        Groups = GroupsOf(policy, person, clientId).Select(group => group.Group).ToHashSet(StringComparer.OrdinalIgnoreCase),
        LacksGroups = person is not null && trusted.Include(person.Provider) && person.Groups.Contains(SaidGroups.Unknown),
        IsService = person is null,
    };

    /// <summary>The groups of a person or a service, and by which entry each.</summary>
    public IEnumerable<(string Group, string Because)> GroupsOf(PolicySet policy, VouchedPerson? person, string? clientId) =>
        person is null
            ? clientId is null ? [] : policy.Groups.OfService(clientId)
            : policy.Groups.OfPerson(
                person.UserId,
                trusted.CountAddressOf(person) ? person.Email : null,
                trusted.Include(person.Provider) ? person.Groups.Where(group => group != SaidGroups.Unknown) : []);

    /// <summary>The first rule that matches decides; without one it is refused.</summary>
    public PolicyDecision Decide(PolicyCaller caller, string server, PolicyTarget target) => (caller.Policy ?? inForce.Current).Decide(caller, server, target);

    /// <summary>Whether any rule could allow anything there.</summary>
    public bool MayReach(PolicyCaller caller, string server) => (caller.Policy ?? inForce.Current).MayReach(caller, server);

    /// <summary>Which scopes of the server can be granted; null: all of them.</summary>
    public IReadOnlyList<string>? ScopesAt(PolicyCaller caller, string server) => (caller.Policy ?? inForce.Current).ScopesAt(caller, server);

    private PolicyCaller KnownCaller(string subject, PersonRecord record, string? clientId)
    {
        var policy = inForce.Current;
        if (!_known.TryGetValue(record, out var known) || known.Caller.Policy != policy)
        {
            _known.AddOrUpdate(record, known = new Known(CallerOf(policy, VouchedPerson.Of(subject, record), null)));
        }

        return known.Caller with { ClientId = clientId };
    }

    private sealed record Known(PolicyCaller Caller);
}
