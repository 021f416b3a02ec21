using System.Diagnostics;
using System.Diagnostics.Metrics;
using McpIdentity.Mcp.Audit;
using McpIdentity.Mcp.Gate;

namespace McpIdentity.Server.Gateway;

/// <summary>Is told of every call that went on to a server behind this one: the security log, or the ordinary one where there is none, and the metrics.</summary>
internal sealed partial class GatewayLog(SecurityLog log, IMeterFactory meters, ILogger<GatewayLog> logger)
{
    /// <summary>The name of the meter.</summary>
    public const string MeterName = "McpIdentity.Gateway";

    private const int MaxLength = 128;

    private readonly Histogram<double> _calls = meters.Create(MeterName).CreateHistogram<double>("mcpidentity.gateway.call.duration", "s", "How long calls of servers behind this one took.");

    public void Called(HttpContext context, FrontedServer server, McpCall call, McpAccess access, ForwardingFailure? failure, TimeSpan took)
    {
        var hasGone = context.RequestAborted.IsCancellationRequested;
        failure = ReferenceEquals(failure, ForwardingFailure.Connected) ? null : failure; // our own tool had nothing to ask for
        var result = hasGone ? "cancelled" : failure?.Reason ?? "answered";
        _calls.Record(took.TotalSeconds, new TagList { { "server", server.Name }, { "result", result } });
        var readers = failure is null && !hasGone
            ? log.ReadersOf(PassedCallOf(server, call, access))
            : EventReaders.All;
        if (readers != EventReaders.None)
        {
            log.Write(context, (failure is null ? SecurityEvent.Success("gateway_call") : SecurityEvent.Warning("gateway_call", result)) with
            {
                ClientId = access.Caller?.ClientId,
                Subject = access.Caller?.Subject,
                Method = call.Method,
                Tool = call.Tool ?? call.Name,
                Server = server.Name,
                Rule = access.Rule,
                Milliseconds = (long)took.TotalMilliseconds,
                AuthMethod = access.Caller?.Method,
                SessionId = access.Caller?.SessionId,
                GrantId = access.Caller?.GrantId,
                Resource = access.Resource,
            }, readers);
        }

        if (!log.IsOn)
        {
            CallMade(
                failure is null || hasGone ? LogLevel.Information : LogLevel.Warning, server.Name, Clean(call.Method), Clean(call.Tool ?? call.Name), result, Clean(access.Caller?.Subject),
                Clean(access.Caller?.ClientId), access.Rule, (long)took.TotalMilliseconds, Activity.Current?.TraceId.ToString() ?? context.TraceIdentifier);
        }

        if (failure is { Detail: { } detail } && !hasGone)
        {
            Failed(server.Name, server.Address, Clean(detail), Activity.Current?.TraceId.ToString() ?? context.TraceIdentifier);
        }
    }

    public void NoCredential(FrontedServer server, string why) => CredentialMissing(server.Name, why);

    private static PassedCall PassedCallOf(FrontedServer server, McpCall call, McpAccess access) =>
        new("gateway_call", access.Caller?.GrantId ?? access.Caller?.Subject ?? "", access.Resource, call.Tool ?? call.Name)
        {
            ClientId = access.Caller?.ClientId,
            Subject = access.Caller?.Subject,
            GrantId = access.Caller?.GrantId,
            Server = server.Name,
        };

    private static string? Clean(string? text) => text is null ? null : ForeignText.Clean(text, MaxLength);

    [LoggerMessage(EventId = 5010, Message = "MCP server {Server}: {Method} {Tool} {Result}; subject {Subject}, client {Client} by {Rule}, {Milliseconds} ms, trace {TraceId}.")]
    private partial void CallMade(
        LogLevel level, string server, string? method, string? tool, string result, string? subject, string? client, string? rule, long milliseconds, string traceId);

    [LoggerMessage(5011, LogLevel.Warning, "The MCP server '{Server}' at {Url} failed a call: {Detail}; trace {TraceId}.")]
    private partial void Failed(string server, string url, string? detail, string traceId);

    [LoggerMessage(5012, LogLevel.Error, "The MCP server '{Server}' cannot be called: {Why}")]
    private partial void CredentialMissing(string server, string why);
}
