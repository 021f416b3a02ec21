using System.Diagnostics;
using System.Net;
using McpIdentity.Mcp.Credentials;
using McpIdentity.Mcp.Gate;
using McpIdentity.Mcp.Sessions;
using McpIdentity.Server.Settings;
using Polly.CircuitBreaker;
using Polly.Timeout;
using Yarp.ReverseProxy.Forwarder;

namespace McpIdentity.Server.Gateway;

/// <summary>Hands what the gate has allowed to one server behind this one, and says what became of it.</summary>
internal sealed class Forwarding(
    FrontedServer server, FrontedRules rules, UpstreamConnection connection, IHttpForwarder forwarder, UpstreamCredentials credentials, UpstreamSessions sessions,
    Unconnected unconnected, TimeProvider time, GatewayLog log)
{
    private const string FirstWithCacheScope = "2026-07-28"; // revisions are dates

    private static readonly string[] Lists = ["tools/list", "prompts/list", "resources/list", "resources/templates/list"];

    // The breaker and the time until an answer begins are those of the connection.
    private readonly ForwarderRequestConfig _call = new() { ActivityTimeout = server.Options.Timeout };
    private readonly ForwarderRequestConfig _stream = new() { ActivityTimeout = Timeout.InfiniteTimeSpan };

    /// <param name="context">The request, with the body that was judged.</param>
    /// <param name="known">What knows whether a token is still good, while a stream goes on.</param>
    /// <param name="call">The message.</param>
    /// <param name="access">That it is allowed, and to whom.</param>
    public async Task RunAsync(HttpContext context, CredentialCheck known, McpCall call, McpAccess access)
    {
        var started = time.GetTimestamp();
        var answer = server.Options.Upstream.Auth == UpstreamAuth.OAuth ? unconnected.TakeAnswer(context.Request) : LinkAnswer.None;
        var failure = await TryAsync(context, known, call, access);
        log.Called(context, server, call, access, failure, time.GetElapsedTime(started));
        if (failure is null || context.RequestAborted.IsCancellationRequested)
        {
            return;
        }

        if (context.Response.HasStarted)
        {
            context.Abort(); // half an answer must not look like a whole one
            return;
        }

        context.Response.Clear();
        if (failure.Reason == ForwardingFailure.NotConnected.Reason && access.Caller is { } caller)
        {
            await unconnected.AnswerAsync(context, server, rules, call, caller, answer);
            return;
        }

        if (failure.RetryAfter is { } seconds)
        {
            context.Response.Headers.RetryAfter = seconds;
        }

        await JsonRpcError.WriteAsync(context, failure.Status, failure.Code, failure.Message, call.Id, writer =>
        {
            writer.WriteStartObject("data");
            writer.WriteString("reason", failure.Reason);
            writer.WriteString("reference", Activity.Current?.TraceId.ToString() ?? context.TraceIdentifier);
            writer.WriteEndObject();
        });
    }

    // Null: the answer is the server's own.
    private async Task<ForwardingFailure?> TryAsync(HttpContext context, CredentialCheck known, McpCall call, McpAccess access)
    {
        var request = context.Request;
        string? session = null;
        if (request.Headers.TryGetValue(OpenSessions.Header, out var name) && (session = sessions.Open(name.ToString(), server, access.Caller)) is null)
        {
            // The same for a session of somebody else: who tries identifiers learns nothing (MCP 2025-11-25, transports: 404).
            return ForwardingFailure.NoSession;
        }

        var isOfNoSession = session == Unconnected.Session;
        session = isOfNoSession ? null : session;
        var isStream = HttpMethods.IsGet(request.Method) || call.Method == McpMethods.Listen;
        using var place = connection.Enter(isStream);
        if (!place.IsAcquired)
        {
            return ForwardingFailure.Busy(server);
        }

        try
        {
            var isPlain = HttpMethods.IsPost(request.Method) && PlainJson.IsWanted(request, call);
            var credential = await credentials.ForAsync(server, access.Caller, context.RequestAborted);
            for (var isFirst = true; ; isFirst = false)
            {
                var exchange = new UpstreamExchange(server, sessions, access.Caller, session, credential, await FilterAsync(request, call, access.Caller), isPlain) { IsOfNoSession = isOfNoSession };
                var failure = isStream && access.Caller is { } caller
                    ? await StreamAsync(context, known, caller, exchange)
                    : await (isPlain ? PlainAsync(context, exchange) : SendAsync(context, exchange, _call));
                if (exchange.Status != HttpStatusCode.Unauthorized)
                {
                    return isOfNoSession && exchange.Status is HttpStatusCode.BadRequest or HttpStatusCode.NotFound ? ForwardingFailure.NoSession : failure;
                }

                credentials.WereRefused(server, access.Caller);
                if (!isFirst)
                {
                    return server.Options.Upstream.Auth == UpstreamAuth.OAuth ? ForwardingFailure.NotConnected : failure;
                }

                if (await credentials.AfterRefusalAsync(server, access.Caller, credential, context.RequestAborted) is not { } other)
                {
                    return failure;
                }

                // Once more with a token that was refreshed: what the person sees is the answer.
                credential = other;
                if (request.Body.CanSeek)
                {
                    request.Body.Position = 0;
                }
            }
        }
        catch (NotConnectedException)
        {
            return ForwardingFailure.NotConnected;
        }
        catch (UpstreamCredentialException exception)
        {
            log.NoCredential(server, exception.Message);
            return ForwardingFailure.Misconfigured(server);
        }
    }

    private async Task<ForwardingFailure?> StreamAsync(HttpContext context, CredentialCheck known, VerifiedCaller caller, UpstreamExchange exchange)
    {
        ForwardingFailure? failure = null;
        await SessionStream.RunAsync(
            context, async cancel => await known.IsStillGoodAsync(caller, cancel) && await rules.MayStillReachAsync(caller, cancel), time,
            async () => failure = await SendAsync(context, exchange, _stream));
        return failure;
    }

    private async Task<ForwardingFailure?> PlainAsync(HttpContext context, UpstreamExchange exchange)
    {
        ForwardingFailure? failure = null;
        await PlainJson.RunAsync(context, async http => failure = await SendAsync(http, exchange, _call));
        return failure;
    }

    private async Task<ForwardingFailure?> SendAsync(HttpContext context, UpstreamExchange exchange, ForwarderRequestConfig config)
    {
        var error = await forwarder.SendAsync(context, server.Url.AbsoluteUri, connection.Invoker, config, exchange, context.RequestAborted);
        return exchange.Flaw is { } flaw ? ForwardingFailure.WrongAnswer(server, flaw)
            : error == ForwarderError.None ? null
            : context.Features.Get<IForwarderErrorFeature>()?.Exception switch
            {
                BrokenCircuitException => ForwardingFailure.Broken(server, connection.LastFailure),
                TimeoutRejectedException => ForwardingFailure.TimedOut(server),
                UpstreamAnswerException exception => ForwardingFailure.WrongAnswer(server, exception.Message),
                _ when error is ForwarderError.RequestTimedOut or ForwarderError.ResponseBodyCanceled or ForwarderError.RequestBodyCanceled => ForwardingFailure.TimedOut(server),
                var exception => ForwardingFailure.Unreachable(server, exception?.GetBaseException().Message),
            };
    }

    // Lists, and a stream that is taken up again: an answer that was missed may come in it.
    private async ValueTask<ListFilter?> FilterAsync(HttpRequest request, McpCall call, VerifiedCaller? caller) =>
        Lists.Contains(call.Method, StringComparer.Ordinal) || (HttpMethods.IsGet(request.Method) && request.Headers.ContainsKey("Last-Event-ID"))
            ? await rules.FilterForAsync(caller, string.CompareOrdinal(call.ProtocolVersion, FirstWithCacheScope) >= 0, request.HttpContext.RequestAborted)
            : null;
}

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

    public static ForwardingFailure NoSession { get; } = new(StatusCodes.Status404NotFound, JsonRpcError.SessionNotFound, "Session not found", "session_not_found");

    /// <summary>What the caller is told is <see cref="Unconnected"/>'s to say.</summary>
    public static ForwardingFailure NotConnected { get; } = new(StatusCodes.Status200OK, Failed, "The account of the person is not connected", "not_connected");

    public static ForwardingFailure Busy(FrontedServer server) => new(
        StatusCodes.Status503ServiceUnavailable, Failed, $"{server.DisplayName} has as many calls under way as it is given at once; try again in a moment.", "upstream_busy", RetryAfter: "1");

    public static ForwardingFailure Broken(FrontedServer server, string? why) => new(
        StatusCodes.Status503ServiceUnavailable, Failed, $"{server.DisplayName} failed too often and is left alone for a moment; try again later.", "upstream_unavailable", why,
        ((int)UpstreamConnection.BreakDuration.TotalSeconds).ToString(System.Globalization.CultureInfo.InvariantCulture));

    public static ForwardingFailure TimedOut(FrontedServer server) => new(
        StatusCodes.Status504GatewayTimeout, Failed, $"{server.DisplayName} did not answer in time.", "upstream_timeout", $"nothing within {server.Options.Timeout} (Timeout)");

    public static ForwardingFailure Unreachable(FrontedServer server, string? why) => new(
        StatusCodes.Status502BadGateway, Failed, $"{server.DisplayName} cannot be reached.", "upstream_unreachable", why);

    public static ForwardingFailure WrongAnswer(FrontedServer server, string flaw) => new(
        StatusCodes.Status502BadGateway, Failed, $"{server.DisplayName} answered with something that cannot be passed on.", "upstream_answer", flaw);

    public static ForwardingFailure Misconfigured(FrontedServer server) => new(
        StatusCodes.Status502BadGateway, Failed, $"This server lacks what {server.DisplayName} asks of it; an administrator finds why in its log.", "upstream_credential");
}
