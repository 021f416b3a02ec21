using System.Text.Json;

namespace McpIdentity.Server.Clients;

/// <summary>What a client writes in place of its registration (RFC 7592 §2.2).</summary>
internal sealed class ClientUpdate : ClientMetadata
{
    public string? ClientId { get; set; }

    public string? ClientSecret { get; set; }

    // Those that only we can say. Elements, because whatever they hold is refused.
    public JsonElement? ClientIdIssuedAt { get; set; }

    public JsonElement? ClientSecretExpiresAt { get; set; }

    public JsonElement? RegistrationAccessToken { get; set; }

    public JsonElement? RegistrationClientUri { get; set; }

    /// <summary>The first member that an update must not hold (RFC 7592 §2.2), or null.</summary>
    public string? Forbidden =>
        RegistrationAccessToken is not null ? "registration_access_token"
        : RegistrationClientUri is not null ? "registration_client_uri"
        : ClientSecretExpiresAt is not null ? "client_secret_expires_at"
        : ClientIdIssuedAt is not null ? "client_id_issued_at"
        : null;
}
