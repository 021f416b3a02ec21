using System.Text.Json;
using System.Text.Json.Serialization;
using McpIdentity.Server.Clients.Statements;

namespace McpIdentity.Server.Clients;

/// <summary>What we registered (RFC 7591 §3.2.1): no null and no empty members (docs/interoperability.md, "No null in the answer").</summary>
internal sealed class ClientInformation
{
    public required string ClientId { get; set; }

    /// <summary>Seconds since 1970.</summary>
    public required long ClientIdIssuedAt { get; set; }

    public string? ClientSecret { get; set; }

    /// <summary>0: the secret does not expire. Present exactly when there is a secret.</summary>
    public long? ClientSecretExpiresAt { get; set; }

    /// <summary>Where the client reads, changes and deletes its registration (RFC 7592 §3).</summary>
    public string? RegistrationClientUri { get; set; }

    /// <summary>With what. Only a hash of it is kept: it is said when it is made, and never again.</summary>
    public string? RegistrationAccessToken { get; set; }

    public IReadOnlyList<string>? RedirectUris { get; set; }

    public required string TokenEndpointAuthMethod { get; set; }

    public required IReadOnlyList<string> GrantTypes { get; set; }

    public IReadOnlyList<string>? ResponseTypes { get; set; }

    public required string ApplicationType { get; set; }

    public required string Scope { get; set; }

    public string? ClientName { get; set; }

    public string? ClientUri { get; set; }

    public string? LogoUri { get; set; }

    public IReadOnlyList<string>? Contacts { get; set; }

    public string? TosUri { get; set; }

    public string? PolicyUri { get; set; }

    public string? SoftwareId { get; set; }

    public string? SoftwareVersion { get; set; }

    /// <summary>What is kept of the client's keys: the public members of those that can sign.</summary>
    public JsonElement? Jwks { get; set; }

    public string? JwksUri { get; set; }

    /// <summary>Unmodified, where one was used (RFC 7591 §3.2.1).</summary>
    public string? SoftwareStatement => Statement?.Text;

    [JsonIgnore]
    public SoftwareStatement? Statement { get; set; }
}
