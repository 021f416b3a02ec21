using System.Security.Claims;
using System.Text.Json;
using McpIdentity.Mcp.Credentials;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;

namespace McpIdentity.Mcp.Gate;

/// <summary>
/// Stands before the SDK and decides on the very bytes that the SDK will run. An expected refusal becomes an HTTP status here;
/// inside the SDK the status is 200 already, and no client would start to sign in.
/// </summary>
internal sealed class McpGate(
    IOptions<McpOptions> options, SiteRules site, CredentialCheck credentials, McpLimits limits, AccessRules rules, AccessRefusal refusal,
    SessionRouting routing, TimeProvider time, AccessLog log)
{
    private const int SessionNotFound = -32001; // as the SDKs have it

    private static readonly ClaimsPrincipal Nobody = new(new ClaimsIdentity());

    private readonly McpOptions _options = options.Value;

    public async Task InvokeAsync(HttpContext context, RequestDelegate next)
    {
        var presented = _options.Auth.AuthType == McpAuthType.None ? default : PresentedCredentials.Read(context.Request, _options.Auth);
        if (limits.IsOn && await limits.RefusesUnreadAsync(context, presented.Any, credentials.Recall(presented)))
        {
            return;
        }

        if (presented.Refusal == TokenRefusals.Query)
        {
            log.TokenInQuery(context);
        }

        var token = await credentials.CheckAsync(presented, context.RequestAborted);
        if (await limits.RefusesStrangerAsync(context, presented.Any, token.Caller))
        {
            return;
        }

        var (call, problem) = await ReadAsync(context, presented.Any);
        if (context.RequestAborted.IsCancellationRequested || await limits.RefusesAsync(context, call, token.Caller))
        {
            return;
        }

        if (call is null)
        {
            await JsonRpcError.WriteAsync(context, problem.Status, problem.Code, problem.Message, problem.Id);
            return;
        }

        var access = rules.Decide(call, presented, token);
        log.Decided(context, call, access);
        if (!access.IsAllowed)
        {
            if (_options.AuthEnforcement.Enabled)
            {
                await refusal.WriteAsync(context, call, access);
                return;
            }

            access = access with { Outcome = McpOutcome.Allowed }; // reported, and let pass (SEED-064)
        }

        await PassAsync(context, next, call, access);
    }

    private async Task<(McpCall? Call, Problem Problem)> ReadAsync(HttpContext context, bool showsToken)
    {
        var request = context.Request;
        if (site.Check(request, showsToken) is { } wrongSite)
        {
            log.Decided(context, null, new McpAccess(McpOutcome.WrongSite) { Description = wrongSite });
            return (null, new Problem(StatusCodes.Status403Forbidden, McpCall.InvalidRequest, wrongSite));
        }

        if (request.Headers.Authorization.Count > 1)
        {
            // RFC 9110 §5.3: the field may stand once; two readers might choose differently.
            return (null, new Problem(StatusCodes.Status400BadRequest, McpCall.InvalidRequest, "More than one Authorization header"));
        }

        if (!HttpMethods.IsPost(request.Method))
        {
            return (McpCall.WithoutBody(request.Method), default);
        }

        return RequestBody.IsAcceptableType(request)
            ? await ReadBodyAsync(context)
            : (null, new Problem(StatusCodes.Status415UnsupportedMediaType, McpCall.InvalidRequest, "The Content-Type must be application/json"));
    }

    private static async Task<(McpCall? Call, Problem Problem)> ReadBodyAsync(HttpContext context)
    {
        byte[]? body;
        try
        {
            body = await RequestBody.ReadAsync(context.Request, context.RequestAborted);
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException or OverflowException)
        {
            // Broken framing: Kestrel's BadHttpRequestException is an IOException that knows its status, but for a chunk size beyond 64 bits.
            var status = (exception as BadHttpRequestException)?.StatusCode ?? StatusCodes.Status400BadRequest;
            var message = status == StatusCodes.Status413PayloadTooLarge ? RequestBody.TooLarge(context) : "The body could not be read";
            return (null, new Problem(status, McpCall.ParseError, message));
        }

        if (body is null)
        {
            return (null, new Problem(StatusCodes.Status413PayloadTooLarge, McpCall.InvalidRequest, RequestBody.TooLarge(context)));
        }

        if (McpCall.Read(body, out var code, out var problem) is not { } call)
        {
            return (null, new Problem(StatusCodes.Status400BadRequest, code, problem));
        }

        if (HeaderRules.Check(context.Request.Headers, call) is { } mismatch)
        {
            return (null, new Problem(StatusCodes.Status400BadRequest, HeaderRules.HeaderMismatch, mismatch, call.Id));
        }

        if (call is { Method: McpMethods.Initialize, HasParameters: false })
        {
            return (null, new Problem(StatusCodes.Status400BadRequest, McpCall.InvalidParams, WrongParameters(call), call.Id));
        }

        RequestBody.LayOut(context.Request, body);
        return (call, default);
    }

    private async Task PassAsync(HttpContext context, RequestDelegate next, McpCall call, McpAccess access)
    {
        if (routing.Find(context, call, access.Caller, next) is not { } route)
        {
            // The same for a session of somebody else: who tries identifiers learns nothing (MCP 2025-11-25, transports: 404).
            await JsonRpcError.WriteAsync(context, StatusCodes.Status404NotFound, SessionNotFound, "Session not found", call.Id);
            return;
        }

        new DecidedMessage(call, access).Flow();
        // Replaces what a cookie may have said: here only a token speaks for somebody.
        context.User = access.Caller is { } caller ? new ClaimsPrincipal(caller.Identity) : Nobody;
        try
        {
            await RunAsync(context, call, route);
        }
        catch (JsonException) when (!context.Response.HasStarted)
        {
            // The SDK reads the parameters of initialize before it has anything to answer with.
            context.Response.Headers.ContentEncoding = default;
            await routing.TakeBackAsync(context);
            await JsonRpcError.WriteAsync(context, StatusCodes.Status400BadRequest, McpCall.InvalidParams, WrongParameters(call), call.Id);
        }
    }

    private Task RunAsync(HttpContext context, McpCall call, SessionRouting.Route route)
    {
        if (route.IsOfSession)
        {
            // Who has a session reads event streams, as the transport demands; the SDK looks.
            return route.Session is { } session && HttpMethods.IsGet(context.Request.Method)
                ? SessionStream.RunAsync(context, session, credentials, time, route.Sdk)
                : route.Sdk(context);
        }

        var plain = PlainJson.IsWanted(context.Request, call);
        PlainJson.AcceptBoth(context.Request);
        return plain ? PlainJson.RunAsync(context, route.Sdk) : route.Sdk(context);
    }

    private static string WrongParameters(McpCall call) => $"Invalid params: they are not those of {call.Method}";

    // Why there is no message to decide about.
    private readonly record struct Problem(int Status, int Code, string Message, JsonElement? Id = null);
}
