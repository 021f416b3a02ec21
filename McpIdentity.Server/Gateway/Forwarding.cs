using System.Diagnostics;
using System.Net;
using McpIdentity.Mcp.Audit;
using McpIdentity.Mcp.Credentials;
using McpIdentity.Mcp.Gate;
using McpIdentity.Mcp.Sessions;
using McpIdentity.Server.Persistence;
using McpIdentity.Server.Settings;
using Microsoft.Extensions.Primitives;
using Polly.CircuitBreaker;
using Polly.Timeout;
using Yarp.ReverseProxy.Forwarder;

namespace McpIdentity.Server.Gateway;

/// <summary>Hands what the gate has allowed to one server behind this one, and says what became of it.</summary>
internal sealed class Forwarding(
    FrontedServer server, FrontedRules rules, UpstreamConnection connection, IHttpForwarder forwarder, UpstreamCredentials credentials, UpstreamSessions sessions,
    Unconnected unconnected, TimeProvider time, GatewayLog log, CancellationToken stopping)
{
    private const string FirstWithCacheScope = "2026-07-28"; // revisions are dates

    // The breaker and the time until an answer begins are those of the connection; here, between its parts.
    private readonly ForwarderRequestConfig _call = new() { ActivityTimeout = server.Options.Timeout + TimeSpan.FromSeconds(5) };
    private readonly ForwarderRequestConfig _stream = new() { ActivityTimeout = Timeout.InfiniteTimeSpan };

    /// <param name="context">The request, with the body that was judged.</param>
    /// <param name="known">What knows whether a token is still good, while a stream goes on.</param>
    /// <param name="call">The message.</param>
    /// <param name="access">That it is allowed, and to whom.</param>
    public async Task RunAsync(HttpContext context, CredentialCheck known, McpCall call, McpAccess access)
    {
        var started = time.GetTimestamp();
        var answer = server.Options.Upstream.Auth == UpstreamAuth.OAuth ? unconnected.TakeAnswer(context.Request) : LinkAnswer.None;
        KeyValuePair<string, StringValues>[] before = [.. context.Response.Headers];
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

        Reset(context.Response, before);
        if (ReferenceEquals(failure, ForwardingFailure.NotConnected) || failure.Scope is not null)
        {
            await unconnected.AnswerAsync(context, server, rules, call, access.Caller!, answer, failure.Scope);
            return;
        }

        if (ReferenceEquals(failure, ForwardingFailure.Connected))
        {
            await Unconnected.SayConnectedAsync(context, server, call);
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

    // As if nothing had been forwarded: what stands before us has said things in headers, too.
    private static void Reset(HttpResponse response, KeyValuePair<string, StringValues>[] before)
    {
        response.Clear();
        foreach (var (name, values) in before)
        {
            response.Headers[name] = values;
        }
    }

    // Null: the answer is the server's own.
    private async Task<ForwardingFailure?> TryAsync(HttpContext context, CredentialCheck known, McpCall call, McpAccess access)
    {
        var request = context.Request;
        string? session = null;
        if (IsOfSession(request, call) && (session = sessions.Open(request.Headers[OpenSessions.Header].ToString(), server, access.Caller)) is null)
        {
            // The same for a session of somebody else: who tries identifiers learns nothing (MCP 2025-11-25, transports: 404).
            return ForwardingFailure.NoSession;
        }

        var isStream = HttpMethods.IsGet(request.Method) || call.Method == McpMethods.Listen;
        try
        {
            using var place = connection.Enter(isStream, $"{access.Caller!.Subject} {access.Caller.ClientId}");
            return place.IsAcquired ? await SendAsync(context, known, call, access.Caller, session, isStream) : ForwardingFailure.Busy(server);
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
        catch (Exception exception) when (StorageFaults.IsOne(exception))
        {
            return ForwardingFailure.NotNow(server, exception.Message);
        }
        catch (ObjectDisposedException)
        {
            return ForwardingFailure.Unreachable(server, "it was taken away while the call was read");
        }
    }

    private async Task<ForwardingFailure?> SendAsync(HttpContext context, CredentialCheck known, McpCall call, VerifiedCaller caller, string? session, bool isStream)
    {
        var request = context.Request;
        var isPlain = HttpMethods.IsPost(request.Method) && PlainJson.IsWanted(request, call);
        var isOfNoSession = session == Unconnected.Session;
        KeyValuePair<string, StringValues>[] before = [.. context.Response.Headers];
        var credential = await credentials.ForAsync(server, caller, context.RequestAborted);
        if (rules.IsOurs(call))
        {
            return ForwardingFailure.Connected;
        }

        for (var isFirst = true; ; isFirst = false)
        {
            var exchange = new UpstreamExchange(server, sessions, caller, isOfNoSession ? null : session, credential, await FilterAsync(request, call, caller, isStream), isPlain) { IsOfNoSession = isOfNoSession, IsStream = isStream };
            ForwardingFailure? failure = null;
            // However an answer comes, nobody reads on in it who may not call any more.
            var wasEnded = await SessionStream.RunAsync(
                context, async cancel => await known.IsStillGoodAsync(caller, cancel) && await rules.MayStillReachAsync(caller, cancel), time,
                async () => failure = await (isPlain ? PlainAsync(context, exchange) : SendAsync(context, exchange, isStream)), stopping);
            if (exchange.Status != HttpStatusCode.Unauthorized || wasEnded)
            {
                return wasEnded ? ForwardingFailure.Ended(server)
                    : isOfNoSession && exchange.Status is HttpStatusCode.BadRequest or HttpStatusCode.NotFound ? ForwardingFailure.NoSession
                    : exchange.Wanted is { } scope ? ForwardingFailure.NeedsMore(scope)
                    : failure;
            }

            credentials.WereRefused(server, caller);
            if (server.Options.Upstream.Auth != UpstreamAuth.OAuth)
            {
                return failure;
            }

            if (!isFirst)
            {
                return ForwardingFailure.NotConnected;
            }

            // Once more, with a token that was refreshed.
            credential = await credentials.AfterRefusalAsync(server, caller, credential, context.RequestAborted);
            Reset(context.Response, before);
            if (request.Body.CanSeek)
            {
                request.Body.Position = 0;
            }
        }
    }

    private async Task<ForwardingFailure?> PlainAsync(HttpContext context, UpstreamExchange exchange)
    {
        ForwardingFailure? failure = null;
        await PlainJson.RunAsync(context, async http => failure = await SendAsync(http, exchange, isStream: false));
        return failure;
    }

    private async Task<ForwardingFailure?> SendAsync(HttpContext context, UpstreamExchange exchange, bool isStream)
    {
        if (isStream && connection.IsBroken)
        {
            return ForwardingFailure.Broken(server, connection.LastFailure);
        }

        using var span = SecuritySignals.Activities.StartActivity("MCP upstream", ActivityKind.Client); // its id goes on as traceparent
        span?.SetTag("mcpidentity.server", server.Name);
        var (invoker, config) = isStream ? (connection.Streams, _stream) : (connection.Calls, _call);
        var error = await forwarder.SendAsync(context, server.Url.AbsoluteUri, invoker, config, exchange, context.RequestAborted);
        span?.SetTag("http.response.status_code", (int?)exchange.Status).SetStatus(error == ForwarderError.None && exchange.Flaw is null ? ActivityStatusCode.Unset : ActivityStatusCode.Error);
        return exchange.HasStopped ? ForwardingFailure.TimedOut(server)
            : exchange.Flaw is { } flaw ? ForwardingFailure.WrongAnswer(server, flaw)
            : error == ForwarderError.None ? null
            : context.Features.Get<IForwarderErrorFeature>()?.Exception switch
            {
                BrokenCircuitException => ForwardingFailure.Broken(server, connection.LastFailure),
                TimeoutRejectedException => ForwardingFailure.TimedOut(server),
                UpstreamAnswerException exception => ForwardingFailure.WrongAnswer(server, exception.Message),
                // Where it stops in its answer, the proxy cancels what it reads.
                OperationCanceledException => ForwardingFailure.TimedOut(server),
                _ when error is ForwarderError.RequestTimedOut or ForwarderError.ResponseBodyCanceled or ForwarderError.RequestBodyCanceled => ForwardingFailure.TimedOut(server),
                var exception => ForwardingFailure.Unreachable(server, exception?.GetBaseException().Message),
            };
    }

    // Hosted clients replay the name of a session that another server gave them, with initialize too, and where there are none any more.
    private static bool IsOfSession(HttpRequest request, McpCall call) => SessionRouting.HasTarget(request) && call.Method != McpMethods.Initialize;

    // Lists, and what waits for news: events of all resources come in it, and where it is taken up again an answer that was missed.
    private async ValueTask<ListFilter?> FilterAsync(HttpRequest request, McpCall call, VerifiedCaller caller, bool isStream) =>
        isStream || McpMethods.Lists.Contains(call.Method!, StringComparer.Ordinal)
            ? await rules.FilterForAsync(caller, string.CompareOrdinal(call.ProtocolVersion, FirstWithCacheScope) >= 0, request.HttpContext.RequestAborted)
            : null;
}
