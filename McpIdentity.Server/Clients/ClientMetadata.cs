using System.Text.Json;
using McpIdentity.Server.Clients.Assertions;

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

    public JsonElement? Jwks { get; set; }

    public string? JwksUri { get; set; }

    /// <summary>RFC 7591 §2.3. An element: one that is no text has an error of its own.</summary>
    public JsonElement? SoftwareStatement { get; set; }

    /// <summary>RFC 7591 §2.3: what a statement says counts, whatever stands beside it.</summary>
    /// <param name="claims">What it says of the client.</param>
    public void Override(ClientMetadata claims)
    {
        RedirectUris = claims.RedirectUris ?? RedirectUris;
        TokenEndpointAuthMethod = claims.TokenEndpointAuthMethod ?? TokenEndpointAuthMethod;
        GrantTypes = claims.GrantTypes ?? GrantTypes;
        ResponseTypes = claims.ResponseTypes ?? ResponseTypes;
        ClientName = claims.ClientName ?? ClientName;
        ClientUri = claims.ClientUri ?? ClientUri;
        LogoUri = claims.LogoUri ?? LogoUri;
        Scope = claims.Scope ?? Scope;
        Contacts = claims.Contacts ?? Contacts;
        TosUri = claims.TosUri ?? TosUri;
        PolicyUri = claims.PolicyUri ?? PolicyUri;
        SoftwareId = claims.SoftwareId ?? SoftwareId;
        SoftwareVersion = claims.SoftwareVersion ?? SoftwareVersion;
        ApplicationType = claims.ApplicationType ?? ApplicationType;
        Jwks = RegisteredKeys.KeysOf(claims) ?? Jwks;
        JwksUri = claims.JwksUri ?? JwksUri;
    }
}
