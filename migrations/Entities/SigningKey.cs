namespace McpIdentity.Migrations.Entities;

/// <summary>A key that will sign, signs, or has signed our tokens. Which of the three follows from its dates.</summary>
public sealed class SigningKey
{
    /// <summary>The <c>kid</c> of the JWKS.</summary>
    public required string Id { get; set; }

    /// <summary>The JWS algorithm, <c>ES256</c> or <c>RS256</c>.</summary>
    public required string Algorithm { get; set; }

    /// <summary>The PKCS#8 private key, encrypted under the encryption key.</summary>
    public required string ProtectedKey { get; set; }

    public DateTimeOffset CreatedAt { get; set; }

    /// <summary>From here on it signs, until a later key does. It is published from its creation on.</summary>
    public DateTimeOffset ActivatesAt { get; set; }

    /// <summary>From here on it verifies nothing and is not published any more. Null while no later key exists.</summary>
    public DateTimeOffset? RetiresAt { get; set; }
}
