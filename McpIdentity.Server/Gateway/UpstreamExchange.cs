using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using McpIdentity.Mcp.Audit;
using McpIdentity.Mcp.Credentials;
using McpIdentity.Mcp.Sessions;
using McpIdentity.Server.Connections;
using McpIdentity.Server.Settings;
using Microsoft.AspNetCore.Http.Features;
using Yarp.ReverseProxy.Forwarder;

namespace McpIdentity.Server.Gateway;

/// <summary>
/// What of one call goes on to a server behind this one, and what of its answer comes back: what is named here and nothing else.
/// The caller's token, cookies and address stay here (MCP, authorization, "Token passthrough").
/// </summary>
/// <param name="server">Which one.</param>
/// <param name="sessions">Whose its sessions are.</param>
/// <param name="caller">Who calls.</param>
/// <param name="session">The server's own name of the session that the call is of; null: none.</param>
/// <param name="credential">What the server knows us by; null: nothing.</param>
/// <param name="filter">Takes out of lists and events what the caller may not have; null where the call can be answered with none.</param>
/// <param name="isBuffered">Whether streams too are kept until their end, which must then come.</param>
internal sealed class UpstreamExchange(
    FrontedServer server, UpstreamSessions sessions, VerifiedCaller? caller, string? session, (string Name, string Value)? credential, ListFilter? filter, bool isBuffered) : HttpTransformer
{
    private const string Json = "application/json";
    private const string EventStream = "text/event-stream";

    // Mcp-Param-* repeats parameters that a tool declares (MCP 2026-07-28, transports).
    private const string Parameter = "Mcp-Param-";

    private const int MaxWanted = 400;

    private static readonly string[] GoOn = ["MCP-Protocol-Version", "Mcp-Method", "Mcp-Name", "Last-Event-ID", "Accept-Language"];
    private static readonly string[] ComeBack = ["MCP-Protocol-Version", "Retry-After", "Allow"];

    /// <summary>
    /// Whether the client's session was begun before its person had connected an account, so that the server knows none: where it wants one, the
    /// client has to begin anew.
    /// </summary>
    public bool IsOfNoSession { get; init; }

    /// <summary>Whether it waits for news, as long as it likes.</summary>
    public bool IsStream { get; init; }

    /// <summary>What the server answered; null before it has.</summary>
    public HttpStatusCode? Status { get; private set; }

    /// <summary>Whether it stopped within its answer for longer than it may.</summary>
    public bool HasStopped { get; private set; }

    /// <summary>The scopes that the token lacks for this call, as the server says; null where it does not.</summary>
    public string? Wanted { get; private set; }

    /// <summary>What is wrong with what it answered, after its name; null: nothing.</summary>
    public string? Flaw { get; private set; }

    public override ValueTask TransformRequestAsync(HttpContext httpContext, HttpRequestMessage proxyRequest, string destinationPrefix, CancellationToken cancellationToken)
    {
        var request = httpContext.Request;
        proxyRequest.RequestUri = server.Url;
        proxyRequest.Headers.TryAddWithoutValidation("Accept", HttpMethods.IsGet(request.Method) ? EventStream : $"{Json}, {EventStream}");
        foreach (var (name, values) in request.Headers)
        {
            // What no header may carry (RFC 9110 §5.5) would fail on the way, and look as if the server had.
            if ((GoOn.Contains(name, StringComparer.OrdinalIgnoreCase) || name.StartsWith(Parameter, StringComparison.OrdinalIgnoreCase)) && values.All(value => UpstreamCredentials.IsHeaderValue(value ?? "")))
            {
                proxyRequest.Headers.TryAddWithoutValidation(name, (IEnumerable<string?>)values);
            }
        }

        if (Activity.Current is { IdFormat: ActivityIdFormat.W3C } activity)
        {
            proxyRequest.Headers.TryAddWithoutValidation("traceparent", activity.Id); // of our own part of the trace
        }

        if (session is not null)
        {
            proxyRequest.Headers.TryAddWithoutValidation(OpenSessions.Header, session);
        }

        if (credential is { } known)
        {
            proxyRequest.Headers.Remove(known.Name);
            proxyRequest.Headers.TryAddWithoutValidation(known.Name, known.Value);
        }

        if (proxyRequest.Content is { } content)
        {
            content.Headers.ContentType = new MediaTypeHeaderValue(Json);
            content.Headers.ContentLength = request.ContentLength;
        }

        return default;
    }

    /// <returns>Whether the body is to be copied as it comes: not where it was filtered, and not where something is wrong with it.</returns>
    public override async ValueTask<bool> TransformResponseAsync(HttpContext httpContext, HttpResponseMessage? proxyResponse, CancellationToken cancellationToken)
    {
        if (proxyResponse is null)
        {
            return false;
        }

        Status = proxyResponse.StatusCode;
        httpContext.Features.GetRequiredFeature<IHttpResponseFeature>().ReasonPhrase = null;
        Flaw = FlawOf(proxyResponse);
        if (server.Options.Upstream.Auth == UpstreamAuth.OAuth && WantedBy(proxyResponse) is { } wanted)
        {
            // What the operator lets people be asked for is no server's to widen.
            Wanted = Challenges.Within(wanted, server.Options.Upstream.Scope);
            Flaw = $"it wants more of the person's account than they have allowed there ({ForeignText.Clean(wanted, MaxWanted)}){(Wanted is null ? ", and Upstream:Scope does not have it" : "")}";
        }

        if (Flaw is not null)
        {
            return false;
        }

        var response = httpContext.Response;
        response.StatusCode = (int)proxyResponse.StatusCode;
        var type = proxyResponse.Content.Headers.ContentType?.MediaType;
        response.ContentType = type is Json or EventStream ? type : null;
        response.Headers.CacheControl = type == EventStream ? "no-cache, no-store" : "no-store";
        if (type == EventStream)
        {
            response.Headers["X-Accel-Buffering"] = "no"; // nginx would keep a stream back
        }

        foreach (var name in ComeBack)
        {
            if ((proxyResponse.Headers.TryGetValues(name, out var values) || proxyResponse.Content.Headers.TryGetValues(name, out values)) && values.All(UpstreamCredentials.IsHeaderValue))
            {
                response.Headers[name] = values.ToArray();
            }
        }

        if (proxyResponse.Headers.TryGetValues(OpenSessions.Header, out var ids))
        {
            response.Headers[OpenSessions.Header] = sessions.Seal(ids.Single(), server, caller);
        }

        if (filter is not null && type is Json or EventStream)
        {
            await FilterAsync(proxyResponse, httpContext, type == EventStream);
            return false;
        }

        if (type == Json || isBuffered)
        {
            proxyResponse.Content = Bounded(proxyResponse.Content);
        }

        return type is Json or EventStream;
    }

    // What comes after a body is no header of MCP.
    public override ValueTask TransformResponseTrailersAsync(HttpContext httpContext, HttpResponseMessage proxyResponse, CancellationToken cancellationToken) => default;

    // YARP knows of nothing that is read here: how long a part may take is said anew with each.
    private async Task FilterAsync(HttpResponseMessage from, HttpContext context, bool isStream)
    {
        using var idle = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted);
        var limit = IsStream ? Timeout.InfiniteTimeSpan : server.Options.Timeout;
        idle.CancelAfter(limit);
        try
        {
            await using var body = new BoundedStream(await from.Content.ReadAsStreamAsync(idle.Token), server.Options.MaxAnswerBytes, _ => idle.CancelAfter(limit));
            await (isStream ? filter!.CopyEventsAsync(body, context.Response, idle.Token) : filter!.CopyMessageAsync(body, context.Response, idle.Token));
        }
        catch (Exception exception)
        {
            // Whatever it is, the answer is not whole, and may have begun: nothing behind us could clear it.
            HasStopped = idle.IsCancellationRequested && !context.RequestAborted.IsCancellationRequested;
            Flaw = exception is UpstreamAnswerException ? exception.Message : $"its answer broke off ({exception.GetBaseException().Message})";
        }
    }

    // What no MCP server answers its client goes to nobody: an error page, a redirect, what is packed and may grow without measure.
    private string? FlawOf(HttpResponseMessage answer)
    {
        var type = answer.Content.Headers.ContentType?.MediaType;
        return (int)answer.StatusCode switch
        {
            400 or 404 when IsOfNoSession => "it wants a session",
            401 or 403 or 407 => $"it does not accept what this server shows it ({(int)answer.StatusCode})",
            >= 300 and < 400 => $"it answered with a redirect ({(int)answer.StatusCode}), which is not followed",
            >= 500 => $"it answered {(int)answer.StatusCode}",
            < 200 => $"it answered {(int)answer.StatusCode}",
            _ when answer.Headers.TryGetValues(OpenSessions.Header, out var ids) && !UpstreamSessions.IsName([.. ids]) =>
                $"it gave a session no name, more than one, or one that is longer than {UpstreamSessions.MaxLength} characters or cannot stand in a header",
            _ when answer.Content.Headers.ContentEncoding.Any(encoding => encoding is not "identity") => "its answer is compressed, which was not asked for",
            _ when type is Json or EventStream => IsTooLong(answer) ? $"its answer is longer than {server.Options.MaxAnswerBytes} bytes (MaxAnswerBytes)" : null,
            // What is said by the status alone, as of a notification (MCP transports: 202), the end of a session, or a request that is refused; a body stays here.
            202 or 204 or >= 400 => null,
            _ when type is null => null,
            _ => $"it answered {(int)answer.StatusCode} with {type ?? "nothing"}, which is neither {Json} nor {EventStream}",
        };
    }

    // RFC 6750 §3.1. What would make a link too long to be followed is left to whoever runs this server.
    private static string? WantedBy(HttpResponseMessage answer) => answer.StatusCode != HttpStatusCode.Forbidden ? null
        : Challenges.In(answer.Headers).Where(challenge => challenge.GetValueOrDefault("error") == "insufficient_scope").Select(challenge => string.Join(' ', Challenges.ScopesOf(challenge.GetValueOrDefault("scope"))))
            .FirstOrDefault(scope => scope.Length is > 0 and <= MaxWanted);

    private bool IsTooLong(HttpResponseMessage answer) => answer.Content.Headers.ContentLength > server.Options.MaxAnswerBytes;

    private StreamContent Bounded(HttpContent content)
    {
        var bounded = new StreamContent(new BoundedStream(content.ReadAsStream(), server.Options.MaxAnswerBytes));
        foreach (var (name, values) in content.Headers)
        {
            bounded.Headers.TryAddWithoutValidation(name, values);
        }

        return bounded;
    }
}
