namespace McpIdentity.Server.Settings;

/// <summary>Who signs software statements that count here (RFC 7591 §2.3): an entry of <c>OAuth:Registration:SoftwareStatements</c>.</summary>
internal sealed class SoftwareStatementOptions
{
    /// <summary>The value of <c>iss</c>, letter by letter.</summary>
    public string? Issuer { get; set; }

    /// <summary>Its public keys: a key set as JSON text, or the path of a file that holds one.</summary>
    public string? Jwks { get; set; }

    /// <summary>The same, at a URL that the issuer publishes them at: https, or http on loopback.</summary>
    public string? JwksUri { get; set; }
}
