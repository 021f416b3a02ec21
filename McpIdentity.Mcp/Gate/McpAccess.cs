using McpIdentity.Mcp.Credentials;

namespace McpIdentity.Mcp.Gate;

/// <summary>What was decided about a request.</summary>
internal enum McpOutcome
{
    Allowed,
    AuthenticationRequired,
    InvalidToken,
    InsufficientScopes,
    AdminRequired,

    /// <summary>The person took this tool away from the client: no scope brings it back.</summary>
    ToolNotLeft,

    /// <summary>The host's policy refuses it: neither a scope nor the person brings it back.</summary>
    PolicyDenied,

    /// <summary>The message does not say what it is about.</summary>
    WrongParameters,
    Unavailable,
    WrongSite,
}

/// <summary>The decision about one request, and everything its answer needs to say.</summary>
internal sealed record McpAccess(McpOutcome Outcome)
{
    public VerifiedCaller? Caller { get; init; }

    /// <summary>All scopes that this operation needs, so that one more sign-in is enough.</summary>
    public IReadOnlyList<string> Needed { get; init; } = [];

    public IReadOnlyList<string> Missing { get; init; } = [];

    /// <summary>What is wrong with a credential or a site.</summary>
    public string? Description { get; init; }

    /// <summary>Which rule of the host's policy decided, in the words of its settings; null where there is none.</summary>
    public string? Rule { get; init; }

    /// <summary>Which of the servers that the host fronts it is about; null: the module's own endpoint.</summary>
    public string? Server { get; init; }

    /// <summary>Which endpoint it is about, by its URL.</summary>
    public string? Resource { get; init; }

    /// <summary>Of a token that its issuer signed and that is not good here, for operators.</summary>
    public TokenFlaw? Flaw { get; init; }

    public bool IsAllowed => Outcome == McpOutcome.Allowed;

    /// <summary>The refusal of who has shown no good credential where one is needed.</summary>
    /// <param name="credentials">What was shown.</param>
    /// <param name="token">What is wrong with it.</param>
    /// <param name="scopes">What a client should ask for that has nothing yet.</param>
    // RFC 6750 §3.1: a bad credential is answered 401 wherever it is shown, or a client would never refresh it.
    public static McpAccess Refuse(PresentedCredentials credentials, TokenOutcome token, IReadOnlyList<string> scopes) =>
        !credentials.Any ? new(McpOutcome.AuthenticationRequired) { Needed = scopes }
        : token.IsUnknown ? new(McpOutcome.Unavailable) { Description = token.Refusal }
        : new(McpOutcome.InvalidToken) { Description = token.Refusal, Needed = scopes, Flaw = token.Flaw };
}

/// <summary>
/// A decision on its way to the second layer, inside the SDK. It flows with the request that carried the message: the SDK runs a
/// message in the execution context of its own request, in a session too, where services belong to no request. None means that
/// no gate was passed.
/// </summary>
internal sealed record DecidedMessage(McpCall Call, McpAccess Access)
{
    private static readonly AsyncLocal<DecidedMessage?> Flowing = new();

    /// <summary>That of the message which is run now.</summary>
    public static DecidedMessage? Current => Flowing.Value;

    /// <summary>From here on, for as long as the calling method runs, and for everything that it starts.</summary>
    public void Flow() => Flowing.Value = this;
}
