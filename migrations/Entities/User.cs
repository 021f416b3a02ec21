namespace McpIdentity.Migrations.Entities;

/// <summary>A person as one upstream provider knows them; the token claim <c>sub</c> is <see cref="Id"/>.</summary>
public sealed class User
{
    /// <summary>Random and never reused, so that a subject says nothing about the person.</summary>
    public required string Id { get; set; }

    /// <summary>The provider's name in our configuration: <c>google</c>, <c>demo</c>.</summary>
    public required string Provider { get; set; }

    /// <summary>The provider's own stable identifier; never the e-mail address, which can change hands.</summary>
    public required string ProviderSubject { get; set; }

    public string? Name { get; set; }

    public string? Email { get; set; }

    public bool EmailVerified { get; set; }

    /// <summary>The organisation that manages the account, as Google says it (<c>hd</c>).</summary>
    public string? HostedDomain { get; set; }

    /// <summary>
    /// The groups that the provider said at the last sign-in, as a JSON array of texts; null in a row of a release that did not ask.
    /// </summary>
    public string? Groups { get; set; }

    public DateTimeOffset CreatedAt { get; set; }

    public DateTimeOffset LastSignInAt { get; set; }

    /// <summary>Since when this person may not sign in; null for everybody who may.</summary>
    public DateTimeOffset? DisabledAt { get; set; }
}
