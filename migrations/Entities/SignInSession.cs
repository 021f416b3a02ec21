namespace McpIdentity.Persistence.Entities;

/// <summary>One browser signed in by one person. Tokens carry its <see cref="Id"/> as <c>sid</c>.</summary>
public sealed class SignInSession
{
    /// <summary>The public identifier: it appears in tokens and cannot be used as a cookie.</summary>
    public required string Id { get; set; }

    /// <summary>SHA-256 of the secret in the browser's cookie, so that a copy of the database opens no session.</summary>
    public required string CookieHash { get; set; }

    public required string UserId { get; set; }

    public User? User { get; set; }

    public DateTimeOffset CreatedAt { get; set; }

    public DateTimeOffset ExpiresAt { get; set; }

    /// <summary>The browser's User-Agent header, cut to 200 characters: lets a person recognise a session.</summary>
    public string? DeviceHint { get; set; }
}
