using System.Diagnostics;
using McpIdentity.Mcp.Credentials;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace McpIdentity.Mcp.Gate;

/// <summary>One access decision, for people who look for what happened.</summary>
internal readonly record struct McpAccessDecision(
    McpOutcome Outcome, string? Reason, string? Client, string? Subject, string? Method, string? Tool, string? Address, string? AuthMethod, string TraceId);

/// <summary>Is told of every access decision: the one place where an audit log will listen.</summary>
internal sealed partial class AccessLog(ILogger<AccessLog> logger)
{
    private const int MaxLength = 128;

    /// <param name="context">The request.</param>
    /// <param name="call">Null when it was refused unread.</param>
    /// <param name="access">What was decided.</param>
    public void Decided(HttpContext context, McpCall? call, McpAccess access)
    {
        var level = access.IsAllowed ? LogLevel.Information : LogLevel.Warning;
        if (logger.IsEnabled(level))
        {
            Write(level, new McpAccessDecision(
                access.Outcome,
                Clean(access.Description) ?? (access.Missing.Count > 0 ? "missing " + string.Join(' ', access.Missing) : null),
                Clean(access.Caller?.ClientId),
                Clean(access.Caller?.Subject),
                Clean(call?.Method),
                Clean(call?.Tool),
                context.Connection.RemoteIpAddress?.ToString(),
                access.Caller?.Method,
                Activity.Current?.TraceId.ToString() ?? context.TraceIdentifier));
        }
    }

    public void TokenInQuery(HttpContext context) => QueryToken(context.Connection.RemoteIpAddress?.ToString());

    // What a caller chooses must not begin a line of its own, nor fill the disk.
    private static string? Clean(string? text)
    {
        if (text is null || (text.Length <= MaxLength && !text.Any(char.IsControl)))
        {
            return text;
        }

        return string.Concat(text.Take(MaxLength).Select(character => char.IsControl(character) ? '?' : character));
    }

    private void Write(LogLevel level, in McpAccessDecision decision) => Decision(
        level, decision.Outcome, decision.Method, decision.Tool, decision.Reason, decision.Subject, decision.Client, decision.AuthMethod,
        decision.Address, decision.TraceId);

    [LoggerMessage(EventId = 3301, Message = "MCP {Outcome}: {Method} {Tool} {Reason}; subject {Subject}, client {Client} by {AuthMethod} from {Address}, trace {TraceId}.")]
    private partial void Decision(
        LogLevel level, McpOutcome outcome, string? method, string? tool, string? reason, string? subject, string? client, string? authMethod,
        string? address, string traceId);

    [LoggerMessage(3302, LogLevel.Warning, "A request from {Address} carried a token in its query string: it may now stand in logs and should be revoked.")]
    private partial void QueryToken(string? address);
}
