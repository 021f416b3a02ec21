namespace McpIdentity.Mcp.Credentials;

/// <summary>A caller, or why there is none. The reason is for the client's developer and never quotes the token.</summary>
internal readonly record struct TokenOutcome(VerifiedCaller? Caller, string? Refusal)
{
    public static readonly TokenOutcome KeysUnavailable = Refused("The keys of the token issuer are unavailable");

    public static readonly TokenOutcome SessionsUnavailable = Refused("The sessions are unavailable");

    /// <summary>Neither good nor bad: what would tell cannot be asked now.</summary>
    public bool IsUnknown => this == KeysUnavailable || this == SessionsUnavailable;

    public static TokenOutcome Refused(string why) => new(null, why);

    public static implicit operator TokenOutcome(VerifiedCaller caller) => new(caller, null);
}
