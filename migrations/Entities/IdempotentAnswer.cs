namespace McpIdentity.Migrations.Entities;

/// <summary>What a request to the admin API with an <c>Idempotency-Key</c> was answered, for who sends it again.</summary>
public sealed class IdempotentAnswer
{
    /// <summary>SHA-256 of who asked, and of the key.</summary>
    public required byte[] Id { get; set; }

    /// <summary>SHA-256 of method, path and body: the same key for something else is refused.</summary>
    public required byte[] Request { get; set; }

    /// <summary>The status code; 0 while the first request is under way.</summary>
    public int Status { get; set; }

    /// <summary>The answer's body, encrypted under the encryption key: it may hold a secret that is shown once.</summary>
    public string? ProtectedBody { get; set; }

    public DateTimeOffset ExpiresAt { get; set; }
}
