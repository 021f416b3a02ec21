using System.Globalization;
using McpIdentity.Mcp.Gate;

namespace McpIdentity.Server.Gateway;

/// <summary>Why a call has no answer of its server, and what the caller is told.</summary>
/// <param name="Status">Of HTTP.</param>
/// <param name="Code">Of JSON-RPC.</param>
/// <param name="Message">For the person before the client: what happened, and what to do.</param>
/// <param name="Reason">The same for programs.</param>
/// <param name="Detail">For the operator alone.</param>
/// <param name="RetryAfter">In seconds; null: no such advice.</param>
internal sealed record ForwardingFailure(int Status, int Code, string Message, string Reason, string? Detail = null, string? RetryAfter = null)
{
    private const int Failed = -32000;

    /// <summary>The scopes that the server wants beside what the person has allowed; null: it is not that.</summary>
    public string? Scope { get; init; }

    /// <summary>What the caller is told is <see cref="Unconnected"/>'s to say.</summary>
    public static ForwardingFailure NotConnected { get; } = new(StatusCodes.Status200OK, Failed, "The account of the person is not connected", "not_connected");

    /// <summary>The same of a call of our own tool for it, where the account is connected.</summary>
    public static ForwardingFailure Connected { get; } = new(StatusCodes.Status200OK, Failed, "The account of the person is connected", "connected");

    /// <summary>Their account is connected, and not for what this call needs (RFC 6750 §3.1).</summary>
    public static ForwardingFailure NeedsMore(string scope) => new(StatusCodes.Status200OK, Failed, "The person has not allowed what this needs", "insufficient_scope") { Scope = scope };

    public static ForwardingFailure NoSession { get; } = new(StatusCodes.Status404NotFound, JsonRpcError.SessionNotFound, "Session not found", "session_not_found");

    public static ForwardingFailure Busy(FrontedServer server) => new(
        StatusCodes.Status503ServiceUnavailable, Failed, $"{server.DisplayName} has as many calls under way as it is given at once; try again in a moment.", "upstream_busy", RetryAfter: "1");

    public static ForwardingFailure Broken(FrontedServer server, string? why) => new(
        StatusCodes.Status503ServiceUnavailable, Failed, $"{server.DisplayName} failed too often and is left alone for a moment; try again later.", "upstream_unavailable", why,
        ((int)UpstreamConnection.BreakDuration.TotalSeconds).ToString(CultureInfo.InvariantCulture));

    public static ForwardingFailure TimedOut(FrontedServer server) => new(
        StatusCodes.Status504GatewayTimeout, Failed, $"{server.DisplayName} did not answer in time.", "upstream_timeout", $"no connection, or nothing within {server.Options.Timeout} (Timeout)");

    public static ForwardingFailure Unreachable(FrontedServer server, string? why) => new(
        StatusCodes.Status502BadGateway, Failed, $"{server.DisplayName} cannot be reached.", "upstream_unreachable", why);

    public static ForwardingFailure WrongAnswer(FrontedServer server, string flaw) => new(
        StatusCodes.Status502BadGateway, Failed, $"{server.DisplayName} answered with something that cannot be passed on.", "upstream_answer", flaw);

    public static ForwardingFailure NotNow(FrontedServer server, string why) => new(
        StatusCodes.Status503ServiceUnavailable, Failed, $"{server.DisplayName} cannot be called now; try again later.", "unavailable", why, "5");

    public static ForwardingFailure Ended(FrontedServer server) => new(
        StatusCodes.Status503ServiceUnavailable, Failed, $"The call of {server.DisplayName} was ended: its token or what it was allowed is not good any more, or this server stops.", "ended", RetryAfter: "1");

    public static ForwardingFailure Misconfigured(FrontedServer server) => new(
        StatusCodes.Status502BadGateway, Failed, $"This server lacks what {server.DisplayName} asks of it; an administrator finds why in its log.", "upstream_credential");
}
