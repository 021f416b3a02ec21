using System.Security.Claims;
using System.Text.Json;
using McpIdentity.Mcp.Credentials;
using Microsoft.AspNetCore.Http;

namespace McpIdentity.Mcp.Gate;

/// <summary>Hands what the gate has allowed to the SDK: into the session that it names, or to where there are none.</summary>
internal sealed class SdkRunner(SessionRouting routing, TimeProvider time)
{
    private static readonly ClaimsPrincipal Nobody = new(new ClaimsIdentity());

    /// <param name="context">The request, with the body that was judged.</param>
    /// <param name="next">The SDK's handler of this method.</param>
    /// <param name="credentials">What knows whether a token is still good, while a stream goes on.</param>
    /// <param name="call">The message.</param>
    /// <param name="access">That it is allowed, and to whom.</param>
    public async Task RunAsync(HttpContext context, RequestDelegate next, CredentialCheck credentials, McpCall call, McpAccess access)
    {
        if (routing.Find(context, call, access.Caller, next) is not { } route)
        {
            // The same for a session of somebody else: who tries identifiers learns nothing (MCP 2025-11-25, transports: 404).
            await JsonRpcError.WriteAsync(context, StatusCodes.Status404NotFound, JsonRpcError.SessionNotFound, "Session not found", call.Id);
            return;
        }

        new DecidedMessage(call, access).Flow();
        // Replaces what a cookie may have said: here only a token speaks for somebody.
        context.User = access.Caller is { } caller ? new ClaimsPrincipal(caller.Identity) : Nobody;
        try
        {
            await RunAsync(context, credentials, call, route);
        }
        catch (JsonException) when (!context.Response.HasStarted)
        {
            // The SDK reads the parameters of initialize before it has anything to answer with.
            context.Response.Headers.ContentEncoding = default;
            await routing.TakeBackAsync(context);
            await JsonRpcError.WriteAsync(context, StatusCodes.Status400BadRequest, McpCall.InvalidParams, call.WrongParameters, call.Id);
        }
    }

    private Task RunAsync(HttpContext context, CredentialCheck credentials, McpCall call, SessionRouting.Route route)
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
}
