using System.Collections.Frozen;

namespace McpIdentity.Server.Policy;

/// <summary>Who asks: a person through a client, or a client that speaks for itself.</summary>
/// <param name="Subject">The <c>sub</c> of the token.</param>
/// <param name="ClientId">The client that holds it.</param>
internal sealed record PolicyCaller(string? Subject, string? ClientId)
{
    /// <summary>The sign-in provider that vouches for the person.</summary>
    public string? Provider { get; init; }

    /// <summary>The person's e-mail address, only where it counts (<see cref="Federation.TrustedProviders"/>).</summary>
    public string? Email { get; init; }

    /// <summary>The address that the provider names, whether or not it counts: a rule that refuses holds for who seems to be meant.</summary>
    public string? ClaimedEmail { get; init; }

    /// <summary>The policy by which the groups are: what is decided about them is decided by the same one. Null: by what is in force.</summary>
    public PolicySet? Policy { get; init; }

    /// <summary>The groups that they are in by the policy in force, as a set that knows no case.</summary>
    public IReadOnlySet<string> Groups { get; init; } = FrozenSet<string>.Empty;

    /// <summary>Their provider did not say all groups that they are in: a rule that refuses by one holds for who may be in it.</summary>
    public bool LacksGroups { get; init; }

    /// <summary>Whether there is no person: the client has the token by its own credentials (RFC 6749 §4.4).</summary>
    public bool IsService { get; init; }
}
