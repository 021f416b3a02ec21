namespace McpIdentity.Mcp.Audit;

/// <summary>One line of the security log. No member ever holds a token, a code, a secret, a cookie or a header.</summary>
internal sealed record SecurityEvent
{
    /// <summary>What happened, in the words of <c>docs/security-log.md</c>.</summary>
    public string Event { get; init; } = "";

    /// <summary>How grave it is.</summary>
    public SecurityLogLevel Level { get; init; } = SecurityLogLevel.Info;

    /// <summary><c>success</c>, <c>failure</c> or <c>warning</c>.</summary>
    public string Result { get; init; } = "success";

    /// <summary>Why, where it is not plain.</summary>
    public string? Reason { get; init; }

    /// <summary>How many events this line stands for, where it is not one (<see cref="RepeatedEvents"/>).</summary>
    public long? Count { get; init; }

    /// <summary>The OAuth client.</summary>
    public string? ClientId { get; init; }

    /// <summary>Whom it concerns.</summary>
    public string? Subject { get; init; }

    /// <summary>Who did it, where that is an operator at the command line.</summary>
    public string? Actor { get; init; }

    /// <summary>The MCP method, or the endpoint.</summary>
    public string? Method { get; init; }

    /// <summary>The MCP tool.</summary>
    public string? Tool { get; init; }

    /// <summary>The MCP server behind this one.</summary>
    public string? Server { get; init; }

    /// <summary>The audience: which MCP server it is about, by its URL.</summary>
    public string? Resource { get; init; }

    /// <summary>One id from the first request of an authorization on, through the pages, to its code.</summary>
    public string? Flow { get; init; }

    /// <summary>Of a refusal: what came. Never a token, a code or a secret.</summary>
    public string? Got { get; init; }

    /// <summary>Of a refusal: what would have been right.</summary>
    public string? Expected { get; init; }

    /// <summary>Of what an operator changed: how it was, of what is another now. Never a secret.</summary>
    public string? Before { get; init; }

    /// <summary>The same, how it is now.</summary>
    public string? After { get; init; }

    /// <summary>The rule of the policy that decided.</summary>
    public string? Rule { get; init; }

    /// <summary>How long it took.</summary>
    public long? Milliseconds { get; init; }

    /// <summary>By which kind of credential: <c>oauth</c> or <c>jwt</c>; the provider of a sign-in.</summary>
    public string? AuthMethod { get; init; }

    /// <summary>The grant type of a token request.</summary>
    public string? GrantType { get; init; }

    /// <summary>The scopes that were granted.</summary>
    public string? Scope { get; init; }

    /// <summary>The sign-in session.</summary>
    public string? SessionId { get; init; }

    /// <summary>The grant that all tokens of one consent belong to.</summary>
    public string? GrantId { get; init; }

    /// <summary>The address of the caller; the log fills it in.</summary>
    public string? Address { get; init; }

    /// <summary>The W3C trace id, which error pages show as the reference; the log fills it in.</summary>
    public string? TraceId { get; init; }

    /// <summary>When; the log fills it in.</summary>
    public DateTimeOffset Time { get; init; }

    /// <summary>Something that was allowed or done.</summary>
    public static SecurityEvent Success(string name) => new() { Event = name };

    /// <summary>Something that was refused.</summary>
    public static SecurityEvent Failure(string name, string? reason) =>
        new() { Event = name, Result = "failure", Level = SecurityLogLevel.Warn, Reason = reason };

    /// <summary>A sign that somebody holds what is not theirs.</summary>
    public static SecurityEvent Alarm(string name, string? reason) => Failure(name, reason) with { Level = SecurityLogLevel.Error };

    /// <summary>Something that was let pass and should not be.</summary>
    public static SecurityEvent Warning(string name, string? reason) => Failure(name, reason) with { Result = "warning" };
}
