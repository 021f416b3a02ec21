using System.Security.Claims;
using McpIdentity.Mcp.Credentials;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace McpIdentity.Mcp.Gate;

/// <summary>
/// Stands before the SDK and decides on the very bytes that the SDK will run. An expected refusal becomes an HTTP status here;
/// inside the SDK the status is 200 already, and no client would start to sign in.
/// </summary>
internal sealed class McpGate(
    IOptions<McpOptions> options, SiteRules site, CredentialCheck credentials, McpLimits limits, AccessRules rules, AccessRefusal refusal,
    AccessLog log)
{
    private static readonly ClaimsPrincipal Nobody = new(new ClaimsIdentity());

    private readonly McpOptions _options = options.Value;

    public async Task InvokeAsync(HttpContext context, RequestDelegate next)
    {
        if (await ReadAsync(context) is not { } call)
        {
            return; // answered
        }

        var presented = _options.Auth.AuthType == McpAuthType.None ? default : PresentedCredentials.Read(context.Request, _options.Auth);
        if (presented.Refusal == TokenRefusals.Query)
        {
            log.TokenInQuery(context);
        }

        var token = await credentials.CheckAsync(presented, context.RequestAborted);
        if (await limits.RefusesAsync(context, call, token.Caller))
        {
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

    private async Task<McpCall?> ReadAsync(HttpContext context)
    {
        var request = context.Request;
        if (site.Check(request) is { } wrongSite)
        {
            log.Decided(context, null, new McpAccess(McpOutcome.WrongSite) { Description = wrongSite });
            await JsonRpcError.WriteAsync(context, StatusCodes.Status403Forbidden, McpCall.InvalidRequest, wrongSite);
            return null;
        }

        if (request.Headers.Authorization.Count > 1)
        {
            // RFC 9110 §5.3: the field may stand once; two readers might choose differently.
            await JsonRpcError.WriteAsync(context, StatusCodes.Status400BadRequest, McpCall.InvalidRequest, "More than one Authorization header");
            return null;
        }

        if (!RequestBody.IsAcceptableType(request))
        {
            await JsonRpcError.WriteAsync(
                context, StatusCodes.Status415UnsupportedMediaType, McpCall.InvalidRequest, "The Content-Type must be application/json");
            return null;
        }

        return await ReadBodyAsync(context);
    }

    private static async Task<McpCall?> ReadBodyAsync(HttpContext context)
    {
        byte[]? body;
        try
        {
            body = await RequestBody.ReadAsync(context.Request, context.RequestAborted);
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException)
        {
            if (context.RequestAborted.IsCancellationRequested)
            {
                return null; // nobody is left to answer
            }

            // Broken framing: Kestrel's BadHttpRequestException is an IOException that knows its status.
            var status = (exception as BadHttpRequestException)?.StatusCode ?? StatusCodes.Status400BadRequest;
            var message = status == StatusCodes.Status413PayloadTooLarge ? RequestBody.TooLarge(context) : "The body could not be read";
            await JsonRpcError.WriteAsync(context, status, McpCall.ParseError, message);
            return null;
        }

        if (body is null)
        {
            await JsonRpcError.WriteAsync(context, StatusCodes.Status413PayloadTooLarge, McpCall.InvalidRequest, RequestBody.TooLarge(context));
            return null;
        }

        if (McpCall.Read(body, out var code, out var problem) is not { } call)
        {
            await JsonRpcError.WriteAsync(context, StatusCodes.Status400BadRequest, code, problem);
            return null;
        }

        if (HeaderRules.Check(context.Request.Headers, call) is { } mismatch)
        {
            await JsonRpcError.WriteAsync(context, StatusCodes.Status400BadRequest, HeaderRules.HeaderMismatch, mismatch, call.Id);
            return null;
        }

        RequestBody.LayOut(context.Request, body);
        return call;
    }

    private static Task PassAsync(HttpContext context, RequestDelegate next, McpCall call, McpAccess access)
    {
        var current = context.RequestServices.GetRequiredService<CurrentAccess>();
        (current.Call, current.Access) = (call, access);
        // Replaces what a cookie may have said: here only a token speaks for somebody.
        context.User = access.Caller is { } caller ? new ClaimsPrincipal(caller.Identity) : Nobody;

        var plain = PlainJson.IsWanted(context.Request, call);
        PlainJson.AcceptBoth(context.Request);
        return plain ? PlainJson.RunAsync(context, next) : next(context);
    }
}
