namespace McpIdentity.Migrations.Entities;

/// <summary>The client that this server is at the authorization server of one behind it, where it had to register itself (RFC 7591).</summary>
public sealed class UpstreamRegistration
{
    /// <summary>The name of the server in <c>Gateway:Servers</c>.</summary>
    public required string Server { get; set; }

    /// <summary>The authorization server: a client is known to the one that it registered at and to no other.</summary>
    public required string Issuer { get; set; }

    /// <summary>The identifier that it was given.</summary>
    public required string ClientId { get; set; }

    /// <summary>What it was given with it, a secret among it, encrypted.</summary>
    public required string Document { get; set; }

    /// <summary>When it registered.</summary>
    public DateTimeOffset CreatedAt { get; set; }
}
