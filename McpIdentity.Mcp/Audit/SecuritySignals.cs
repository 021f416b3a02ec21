using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace McpIdentity.Mcp.Audit;

/// <summary>
/// What is decided, as numbers and on the span of its request: every event of the security log comes by here, whether there is
/// a log or not. Nobody who listens: it costs a comparison.
/// </summary>
/// <remarks>No tag has what a caller wrote: the values are words of ours, names of the settings, and codes of the RFCs.</remarks>
internal sealed class SecuritySignals
{
    /// <summary>The name of the meter, and of the source of spans.</summary>
    public const string Name = "McpIdentity";

    private const string Own = "own";
    private const string Other = "other";
    private const int MaxWords = 100;
    private const int MaxLength = 40;

    private static readonly string[] GrantTypes =
        ["authorization_code", "refresh_token", "client_credentials", "urn:ietf:params:oauth:grant-type:token-exchange", "urn:ietf:params:oauth:grant-type:jwt-bearer"];

    private readonly ConcurrentDictionary<string, byte> _words = new(StringComparer.Ordinal);
    private readonly Counter<long> _tokens;
    private readonly Counter<long> _refusals;
    private readonly Counter<long> _signIns;
    private readonly Counter<long> _consents;
    private readonly Counter<long> _registrations;
    private readonly Counter<long> _calls;
    private readonly Counter<long> _limited;

    public SecuritySignals(IMeterFactory meters)
    {
        ArgumentNullException.ThrowIfNull(meters);
        var meter = meters.Create(Name);
        _tokens = meter.CreateCounter<long>("mcpidentity.tokens.issued", "{token}", "Requests for tokens by grant type, and whether there was a token for them.");
        _refusals = meter.CreateCounter<long>("mcpidentity.refusals", "{refusal}", "What was refused, by event of the security log and by reason.");
        _signIns = meter.CreateCounter<long>("mcpidentity.sign_ins", "{sign_in}", "Sign-ins by provider and result.");
        _consents = meter.CreateCounter<long>("mcpidentity.consents", "{consent}", "What people decided on the consent page.");
        _registrations = meter.CreateCounter<long>("mcpidentity.registrations", "{registration}", "Clients that registered themselves, and those that were not let.");
        _calls = meter.CreateCounter<long>("mcpidentity.mcp.calls", "{call}", "MCP requests by server and decision.");
        _limited = meter.CreateCounter<long>("mcpidentity.rate_limited", "{request}", "Requests that were one too many, by limit.");
    }

    /// <summary>Spans of ours.</summary>
    public static ActivitySource Activities { get; } = new(Name);

    /// <summary>An event, before anything decides whether it is written.</summary>
    public void Count(SecurityEvent e)
    {
        ArgumentNullException.ThrowIfNull(e);
        switch (e.Event)
        {
            case "mcp_auth_success" or "mcp_anonymous_access" or "mcp_auth_failure" or "scope_denied" or "tool_denied" or "policy_denied" or "rate_limited" or "gateway_call":
                return; // counted where more is known, and where there is no event
            case "token_issued" or "token_refreshed":
                _tokens.Add(1, new("grant_type", GrantType(e)), new("result", "success"));
                break;
            case "token_refused":
            case "client_authentication_failed" when e.GrantType is not null:
                _tokens.Add(1, new("grant_type", GrantType(e)), new("result", "failure"));
                break;
            case "login_success" or "login_failure":
                _signIns.Add(1, new("provider", Word(e.AuthMethod) ?? "unknown"), new("result", e.Result == "success" ? "success" : "failure"));
                break;
            case "consent_granted" or "consent_denied":
                _consents.Add(1, new KeyValuePair<string, object?>("decision", e.Event == "consent_granted" ? "granted" : "denied"));
                break;
            case "client_registered" or "registration_refused":
                _registrations.Add(1, new KeyValuePair<string, object?>("result", e.Event == "client_registered" ? "success" : "failure"));
                break;
        }

        if (e.Result == "failure" && e.Event != "consent_denied")
        {
            _refusals.Add(1, new("event", e.Event), new("reason", ReasonOf(e)));
        }

        Mark(e);
    }

    /// <summary>A decision about an MCP request.</summary>
    /// <param name="server">Which of the servers that the host fronts; null: the module's own endpoint.</param>
    /// <param name="refusal">Why not, as one word; null: it is allowed.</param>
    /// <param name="rule">Of the policy, that decided.</param>
    /// <param name="client">Whose token it was.</param>
    public void Decided(string? server, string? refusal, string? rule, string? client)
    {
        var decision = refusal ?? "allowed";
        _calls.Add(1, new("server", server ?? Own), new("decision", decision));
        if (refusal is not null)
        {
            _refusals.Add(1, new("event", "mcp_call"), new("reason", refusal));
        }

        if (Activity.Current is { IsAllDataRequested: true } span)
        {
            span.SetTag("mcpidentity.server", server ?? Own).SetTag("mcpidentity.decision", decision).SetTag("mcpidentity.rule", rule).SetTag("mcpidentity.client_id", client);
        }
    }

    /// <summary>A request that was one too many.</summary>
    /// <param name="bucket">The name of the limit.</param>
    public void Limited(string bucket) => _limited.Add(1, new KeyValuePair<string, object?>("limit", bucket));

    // On the request's span, so that a trace says what was decided in it. Whom it is about stays in the security log.
    private void Mark(SecurityEvent e)
    {
        if (Activity.Current is { IsAllDataRequested: true } span)
        {
            span.AddEvent(new ActivityEvent(e.Event, tags: new ActivityTagsCollection
            {
                { "result", e.Result },
                { "reason", e.Result == "success" ? null : ReasonOf(e) },
                { "client_id", e.ClientId is null ? null : ForeignText.Clean(e.ClientId, MaxLength * 4) },
                { "grant_type", e.GrantType is null ? null : GrantType(e) },
            }));
        }
    }

    private static string GrantType(SecurityEvent e) => Array.Find(GrantTypes, known => known == e.GrantType) ?? Other;

    // The error code before the colon; where a reason is a sentence, the event says enough.
    private string ReasonOf(SecurityEvent e) => Word(e.Reason?.Split(':', 2)[0]) ?? e.Event;

    // However many there might be, so many are told apart: each makes a series of its own.
    private string? Word(string? text) =>
        text is not { Length: > 0 and <= MaxLength } || !text.All(character => char.IsAsciiLetterLower(character) || char.IsAsciiDigit(character) || character is '_' or '-') ? null
        : _words.ContainsKey(text) || (_words.Count < MaxWords && _words.TryAdd(text, 0)) ? text
        : Other;
}
