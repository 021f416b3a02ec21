namespace McpIdentity.Migrations.Entities;

/// <summary>A sign-in that is under way at a provider, or an account that is being connected at the authorization server of a server behind this one.</summary>
public sealed class UpstreamState
{
    /// <summary>A hash of the handle that went there as <c>state</c>.</summary>
    public required string Id { get; init; }

    /// <summary>The state itself, protected: of a sign-in by the library that made it, of an account under our own key.</summary>
    public required string State { get; init; }

    /// <summary>The authorization request that the person signs in for: the protected ticket of the sign-in page; empty of an account.</summary>
    public required string Request { get; init; }

    public DateTimeOffset ExpiresAt { get; init; }
}
