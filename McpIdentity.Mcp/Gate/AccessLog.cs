using System.Diagnostics;
using McpIdentity.Mcp.Audit;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace McpIdentity.Mcp.Gate;

/// <summary>Is told of every access decision. The security log keeps them; where there is none, the host's ordinary log does.</summary>
internal sealed partial class AccessLog(SecurityLog log, SecuritySignals signals, IOptions<McpOptions> options, TimeProvider time, ILogger<AccessLog> logger)
{
    private const int MaxLength = 128;

    private readonly RepeatedEvents _repeated = new(time);

    /// <param name="context">The request.</param>
    /// <param name="call">Null when it was refused unread.</param>
    /// <param name="access">What was decided.</param>
    public void Decided(HttpContext context, McpCall? call, McpAccess access)
    {
        signals.Decided(access.Server, access.IsAllowed ? null : WordFor(access.Outcome), access.Rule, access.Caller?.ClientId);
        if (access is { IsAllowed: true, Server: not null })
        {
            return; // the host says it with what became of the call
        }

        var readers = access.IsAllowed ? log.ReadersOf(PassedCallOf(context, call, access)) : EventReaders.All;
        if (readers != EventReaders.None)
        {
            log.Write(context, EventOf(call, access), readers);
        }

        if (log.IsOn)
        {
            return;
        }

        foreach (var sum in _repeated.Take())
        {
            Repeated(sum.Event, sum.Reason, sum.Address);
        }

        // Who has shown who they are is never summed: for the usual call no event is made.
        var level = access.IsAllowed ? LogLevel.Information : LogLevel.Warning;
        if (logger.IsEnabled(level) && (access.Caller is not null || _repeated.Admits(EventOf(call, access), context)))
        {
            Decision(
                level, access.Outcome, Clean(call?.Method), Clean(call?.Tool), Clean(ReasonOf(access)), Clean(access.Caller?.Subject),
                Clean(access.Caller?.ClientId), access.Caller?.Method, context.Connection.RemoteIpAddress?.ToString(),
                Activity.Current?.TraceId.ToString() ?? context.TraceIdentifier);
        }
    }

    public void TokenInQuery(HttpContext context)
    {
        if (_repeated.Admits(SecurityEvent.Warning("token_in_query", "a token in the query string"), context))
        {
            QueryToken(context.Connection.RemoteIpAddress?.ToString());
        }
    }

    private static PassedCall PassedCallOf(HttpContext context, McpCall? call, McpAccess access) => access.Caller is { } caller
        ? new("mcp_auth_success", caller.GrantId ?? caller.Subject, access.Resource, call?.Tool) { ClientId = caller.ClientId, Subject = caller.Subject, GrantId = caller.GrantId }
        : new(RepeatedEvents.Anonymous, Peer.Of(context), access.Resource, call?.Tool);

    private SecurityEvent EventOf(McpCall? call, McpAccess access)
    {
        var decided = access.Outcome switch
        {
            McpOutcome.Allowed when access.Caller is null => SecurityEvent.Success(RepeatedEvents.Anonymous),
            McpOutcome.Allowed => SecurityEvent.Success("mcp_auth_success"),
            McpOutcome.InsufficientScopes or McpOutcome.AdminRequired => SecurityEvent.Failure("scope_denied", ReasonOf(access)),
            McpOutcome.ToolNotLeft => SecurityEvent.Failure("tool_denied", ReasonOf(access)),
            McpOutcome.PolicyDenied => SecurityEvent.Failure("policy_denied", ReasonOf(access)),
            _ => SecurityEvent.Failure("mcp_auth_failure", ReasonOf(access)),
        };
        // Without enforcement nothing was refused: the line says what would have been (SEED-064).
        return decided with
        {
            Result = access.IsAllowed || options.Value.AuthEnforcement.Enabled ? decided.Result : "not_enforced",
            ClientId = access.Caller?.ClientId ?? access.Flaw?.ClientId,
            Subject = access.Caller?.Subject ?? access.Flaw?.Subject,
            Resource = access.Resource,
            Got = access.Missing.Count > 0 && access.Caller is { } has ? string.Join(' ', has.Scopes.Order(StringComparer.Ordinal)) : access.Flaw?.Got,
            Expected = access.Missing.Count > 0 ? string.Join(' ', access.Needed) : access.Flaw?.Expected,
            Method = call?.Method,
            Tool = access.Server is null ? call?.Tool : call?.Tool ?? call?.Name ?? call?.Reference,
            Server = access.Server,
            Rule = access.Rule,
            AuthMethod = access.Caller?.Method,
            SessionId = access.Caller?.SessionId ?? access.Flaw?.SessionId,
            GrantId = access.Caller?.GrantId ?? access.Flaw?.GrantId,
        };
    }

    private static string WordFor(McpOutcome refusal) => refusal switch
    {
        McpOutcome.AuthenticationRequired => "authentication_required",
        McpOutcome.InvalidToken => "invalid_token",
        McpOutcome.InsufficientScopes => "insufficient_scope",
        McpOutcome.AdminRequired => "admin_required",
        McpOutcome.ToolNotLeft => "tool_not_left",
        McpOutcome.PolicyDenied => "policy_denied",
        McpOutcome.WrongParameters => "wrong_parameters",
        McpOutcome.Unavailable => "unavailable",
        McpOutcome.WrongSite => "wrong_site",
        _ => "other",
    };

    private static string? ReasonOf(McpAccess access) => access switch
    {
        { Description: { } description } => description,
        { Missing.Count: > 0 } => "missing scope " + string.Join(' ', access.Missing),
        { Outcome: McpOutcome.AuthenticationRequired } => "Authentication required",
        { Outcome: McpOutcome.ToolNotLeft } => "The person did not leave this tool to the client",
        { Outcome: McpOutcome.PolicyDenied } => access.Rule,
        { Outcome: McpOutcome.WrongParameters } => "The parameters are not those of the method",
        { Outcome: McpOutcome.Unavailable } => "The keys of the token issuer are unavailable",
        _ => null,
    };

    // What a caller chooses must not fill the disk. That it begins no line of its own is seen to for every line (CleanLoggerFactory).
    private static string? Clean(string? text) => text is null ? null : ForeignText.Clean(text, MaxLength);

    [LoggerMessage(EventId = 3301, Message = "MCP {Outcome}: {Method} {Tool} {Reason}; subject {Subject}, client {Client} by {AuthMethod} from {Address}, trace {TraceId}.")]
    private partial void Decision(
        LogLevel level, McpOutcome outcome, string? method, string? tool, string? reason, string? subject, string? client, string? authMethod,
        string? address, string traceId);

    [LoggerMessage(3303, LogLevel.Warning, "{Event}: {Reason}; from {Address}.")]
    private partial void Repeated(string @event, string? reason, string? address);

    [LoggerMessage(3302, LogLevel.Warning, "A request from {Address} carried a token in its query string: it may now stand in logs and should be revoked.")]
    private partial void QueryToken(string? address);
}
