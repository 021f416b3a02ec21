using System.Text.Json;
using McpIdentity.Mcp.Credentials;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;

namespace McpIdentity.Mcp.Gate;

/// <summary>
/// Stands before what runs a message and decides on the very bytes that will be run. An expected refusal becomes an HTTP status here;
/// inside the SDK the status is 200 already, and no client would start to sign in.
/// </summary>
internal sealed class McpGate(
    IOptions<McpOptions> options, SiteRules site, CredentialCheck credentials, McpLimits limits, IAccessRules rules, AccessRefusal refusal, AccessLog log)
{
    private readonly McpOptions _options = options.Value;

    /// <param name="context">The request.</param>
    /// <param name="run">Runs what is allowed; the body lies there to be read once more.</param>
    public async Task InvokeAsync(HttpContext context, Func<HttpContext, McpCall, McpAccess, Task> run)
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

        var access = await rules.DecideAsync(call, presented, token, context.RequestAborted) with { Resource = _options.Resource };
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

        await run(context, call, access);
    }

    private async Task<(McpCall? Call, Problem Problem)> ReadAsync(HttpContext context, bool showsToken)
    {
        var request = context.Request;
        if (site.Check(request, showsToken) is { } wrongSite)
        {
            log.Decided(context, null, new McpAccess(McpOutcome.WrongSite) { Description = wrongSite, Resource = _options.Resource });
            return (null, new Problem(StatusCodes.Status403Forbidden, McpCall.InvalidRequest, wrongSite));
        }

        if (request.Headers.Authorization.Count > 1)
        {
            // RFC 9110 §5.3: the field may stand once; two readers might choose differently.
            return (null, new Problem(StatusCodes.Status400BadRequest, McpCall.InvalidRequest, "More than one Authorization header"));
        }

        if (!HttpMethods.IsPost(request.Method))
        {
            // A body that nobody has judged must not reach who might read it.
            return request.ContentLength is not (null or 0) || request.Headers.TransferEncoding.Count > 0 || (request.ContentLength is null && RequestBody.MayFollow(context))
                ? (null, new Problem(StatusCodes.Status400BadRequest, McpCall.InvalidRequest, $"A {request.Method} request has no body"))
                : (McpCall.WithoutBody(request.Method), default);
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
            return (null, new Problem(StatusCodes.Status400BadRequest, McpCall.InvalidParams, call.WrongParameters, call.Id));
        }

        RequestBody.LayOut(context.Request, body);
        return (call, default);
    }

    // Why there is no message to decide about.
    private readonly record struct Problem(int Status, int Code, string Message, JsonElement? Id = null);
}
