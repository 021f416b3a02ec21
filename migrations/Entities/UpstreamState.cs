namespace McpIdentity.Migrations.Entities;

/// <summary>A sign-in that is under way at a provider.</summary>
public sealed class UpstreamState
{
    /// <summary>A hash of the handle that the provider was given as <c>state</c>.</summary>
    public required string Id { get; init; }

    /// <summary>The state itself, protected by the library that made it.</summary>
    public required string State { get; init; }

    /// <summary>The authorization request that the person signs in for: the protected ticket of the sign-in page.</summary>
    public required string Request { get; init; }

    public DateTimeOffset ExpiresAt { get; init; }
}
