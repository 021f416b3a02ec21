using System.Text.Json;

namespace McpIdentity.Server.Clients;

/// <summary>What a client says of itself (RFC 7591 §2). Members that we do not keep are accepted and dropped (§2, last paragraph).</summary>
internal class ClientMetadata
{
    /// <summary>Elements, not strings: a number in the list is a bad redirect URI and not bad JSON.</summary>
    public IReadOnlyList<JsonElement>? RedirectUris { get; set; }

    public string? TokenEndpointAuthMethod { get; set; }

    public IReadOnlyList<string>? GrantTypes { get; set; }

    public IReadOnlyList<string>? ResponseTypes { get; set; }

    public string? ClientName { get; set; }

    public string? ClientUri { get; set; }

    public string? LogoUri { get; set; }

    public string? Scope { get; set; }

    public IReadOnlyList<string>? Contacts { get; set; }

    public string? TosUri { get; set; }

    public string? PolicyUri { get; set; }

    public string? SoftwareId { get; set; }

    public string? SoftwareVersion { get; set; }

    public string? ApplicationType { get; set; }

    /// <summary>Read to be refused: we register no keys yet, and a client that counts on them must know.</summary>
    public JsonElement? Jwks { get; set; }

    public string? JwksUri { get; set; }
}
