namespace McpIdentity.Mcp;

/// <summary>Whose JWTs are trusted: the section <c>Jwt</c>, itself one issuer, with a list for more.</summary>
public sealed class ExternalJwtOptions : TrustedIssuerOptions
{
    /// <summary>The configuration section.</summary>
    public const string Section = "Jwt";

    /// <summary>Further issuers, each with keys of its own.</summary>
    public IList<TrustedIssuerOptions> TrustedIssuers { get; } = [];

    /// <summary>Every issuer that is configured at all.</summary>
    internal IEnumerable<TrustedIssuerOptions> All => IsConfigured ? TrustedIssuers.Prepend(this) : TrustedIssuers;

    private bool IsConfigured => HasKeys || !string.IsNullOrEmpty(Issuer) || !string.IsNullOrEmpty(Audience);
}

/// <summary>One foreign issuer of JWTs, and how its tokens are verified.</summary>
public class TrustedIssuerOptions
{
    /// <summary>The shared secret of HS256, HS384 and HS512.</summary>
    [Secret]
    public string? Secret { get; set; }

    /// <summary>The value of <c>iss</c>. Unset: the <see cref="Authority"/>.</summary>
    public string? Issuer { get; set; }

    /// <summary>The value that <c>aud</c> must contain. Unset: our resource identifier.</summary>
    public string? Audience { get; set; }

    /// <summary>Where the issuer publishes its public keys.</summary>
    public string? JwksUri { get; set; }

    /// <summary>An issuer whose discovery document names the keys.</summary>
    public string? Authority { get; set; }

    /// <summary>The accepted algorithms. Empty: those that fit the kind of key.</summary>
    public IList<string> Algorithms { get; } = [];

    /// <summary>Tolerance for clocks that differ, at most 60.</summary>
    public int ClockSkewSeconds { get; set; } = 30;

    /// <summary>The claim that names the caller.</summary>
    public string SubjectClaim { get; set; } = "sub";

    /// <summary>The claims that carry scopes, as an array or separated by spaces. Empty: <c>scopes</c>, <c>scope</c>, <c>scp</c>.</summary>
    public IList<string> ScopeClaims { get; } = [];

    internal bool HasKeys => !string.IsNullOrEmpty(Secret) || !string.IsNullOrEmpty(JwksUri) || !string.IsNullOrEmpty(Authority);

    internal string? ExpectedIssuer => string.IsNullOrEmpty(Issuer) ? Authority : Issuer;
}
