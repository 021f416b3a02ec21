namespace McpIdentity.Migrations.Entities;

/// <summary>What one person has allowed one client to do at one resource, with the answer going to one place, until withdrawn.</summary>
/// <remarks>
/// Kept apart from <see cref="Grant"/>: each of those is one code and its tokens, so that the replay of one does not end
/// the person's other devices. See docs/decisions/0001.
/// </remarks>
public sealed class Consent
{
    /// <summary>A hash of the person, the client, the redirect URI and the resource: together they are too long for an index.</summary>
    public required string Id { get; set; }

    public required string UserId { get; set; }

    public required string ClientId { get; set; }

    /// <summary>Where the answer goes; of a loopback address without the port.</summary>
    public required string RedirectUri { get; set; }

    /// <summary>The audience that the access tokens will carry.</summary>
    public required string Resource { get; set; }

    /// <summary>Space-separated, as on the wire.</summary>
    public required string Scopes { get; set; }

    /// <summary>When the person last pressed Allow.</summary>
    public DateTimeOffset GrantedAt { get; set; }

    /// <summary>What they allowed then: of <see cref="Scopes"/>, those that are as new as <see cref="GrantedAt"/>.</summary>
    public string LastScopes { get; set; } = "";

    /// <summary>
    /// The names of the tools that the person left to the client, each on a line of its own, where they took some away; null: every
    /// tool that its scopes open, those of tomorrow too.
    /// </summary>
    public string? Tools { get; set; }
}
