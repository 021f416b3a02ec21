namespace McpIdentity.Persistence.Entities;

/// <summary>A key that signs, or has signed, our tokens.</summary>
public sealed class SigningKey
{
    /// <summary>The <c>kid</c> of the JWKS.</summary>
    public required string Id { get; set; }

    /// <summary>The JWS algorithm, <c>ES256</c>.</summary>
    public required string Algorithm { get; set; }

    /// <summary>The PKCS#8 private key, encrypted under the encryption key.</summary>
    public required string ProtectedKey { get; set; }

    public DateTimeOffset CreatedAt { get; set; }
}
