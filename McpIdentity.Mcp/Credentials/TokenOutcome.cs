namespace McpIdentity.Mcp.Credentials;

/// <summary>A caller, or why there is none. The reason is for the client's developer and never quotes the token.</summary>
internal readonly record struct TokenOutcome(VerifiedCaller? Caller, string? Refusal)
{
    /// <summary>Of a refused token that was signed by its issuer: whose it is, and what is wrong with it, for operators.</summary>
    public TokenFlaw? Flaw { get; init; }

    public static readonly TokenOutcome KeysUnavailable = Refused("The keys of the token issuer are unavailable");

    public static readonly TokenOutcome SessionsUnavailable = Refused("The sessions are unavailable");

    /// <summary>Neither good nor bad: what would tell cannot be asked now.</summary>
    public bool IsUnknown => this == KeysUnavailable || this == SessionsUnavailable;

    public static TokenOutcome Refused(string why) => new(null, why);

    /// <param name="why">Which check failed.</param>
    /// <param name="flaw">More of it.</param>
    public static TokenOutcome Refused(string why, TokenFlaw? flaw) => new(null, why) { Flaw = flaw };

    public static implicit operator TokenOutcome(VerifiedCaller caller) => new(caller, null);
}

/// <summary>Whose token was refused, and what was compared. The signature was good, so the names are what the issuer wrote; nothing is let in by them.</summary>
internal sealed record TokenFlaw
{
    public string? ClientId { get; init; }

    public string? Subject { get; init; }

    public string? SessionId { get; init; }

    public string? GrantId { get; init; }

    /// <summary>What the token says.</summary>
    public string? Got { get; init; }

    /// <summary>What would have been right.</summary>
    public string? Expected { get; init; }
}
