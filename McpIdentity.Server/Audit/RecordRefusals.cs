using McpIdentity.Mcp.Audit;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Tokens;
using Microsoft.AspNetCore;
using OpenIddict.Server;
using static OpenIddict.Abstractions.OpenIddictConstants;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace McpIdentity.Server.Audit;

/// <summary>Whatever OpenIddict or a rule of ours refuses, at any endpoint, with the description that the client reads too.</summary>
internal sealed class RecordRefusals(SecurityLog log) : IOpenIddictServerHandler<ProcessErrorContext>, IOpenIddictServerHandler<ProcessChallengeContext>
{
    public static OpenIddictServerHandlerDescriptor OfErrors { get; } =
        OpenIddictServerHandlerDescriptor.CreateBuilder<ProcessErrorContext>()
            .UseSingletonHandler<RecordRefusals>()
            .SetOrder(int.MinValue + 1000)
            .Build();

    /// <summary>What our own endpoint refuses by <c>Results.Forbid</c>: the person is not signed in, or said no.</summary>
    public static OpenIddictServerHandlerDescriptor OfOurs { get; } =
        OpenIddictServerHandlerDescriptor.CreateBuilder<ProcessChallengeContext>()
            .UseSingletonHandler<RecordRefusals>()
            .SetOrder(OpenIddictServerHandlers.AttachCustomChallengeParameters.Descriptor.Order + 500)
            .Build();

    public ValueTask HandleAsync(ProcessErrorContext context) => WriteAsync(context, context.Error, context.ErrorDescription);

    public ValueTask HandleAsync(ProcessChallengeContext context) => WriteAsync(context, context.Response.Error, context.Response.ErrorDescription);

    private ValueTask WriteAsync(BaseContext context, string? error, string? description)
    {
        // RFC 6749 §5.2: what OpenIddict calls an invalid token leaves the token endpoint as an invalid grant.
        var code = (error, context.EndpointType) is (Errors.InvalidToken, OpenIddictServerEndpointType.Token) ? Errors.InvalidGrant : error;
        var request = context.Transaction.Request;
        var http = context.Transaction.GetHttpRequest()?.HttpContext;
        log.Write(http, SecurityEvent.Failure(NameOf(code, context.EndpointType), $"{code}: {description}") with
        {
            ClientId = request?.ClientId,
            GrantType = request?.GrantType,
            Method = http?.Request.Path.Value,
        });
        return default;
    }

    private static string NameOf(string? error, OpenIddictServerEndpointType endpoint) => (error, endpoint) switch
    {
        (Errors.InvalidClient, not OpenIddictServerEndpointType.Authorization) => "client_authentication_failed",
        (_, OpenIddictServerEndpointType.Authorization) => "authorization_refused",
        (_, OpenIddictServerEndpointType.Token) => "token_refused",
        _ => "request_refused",
    };
}

/// <summary>What the handlers of single-use tokens have to say.</summary>
internal static class TokenReuse
{
    /// <summary>A code or refresh token came a second time: its grant has been ended.</summary>
    /// <param name="generation">0 for the code, then the number of the refresh token.</param>
    public static void WriteReuse(this SecurityLog log, BaseContext context, McpIdentity.Migrations.Entities.Grant grant, int generation) =>
        log.Write(context.Transaction.GetHttpRequest()?.HttpContext, SecurityEvent.Alarm(
            generation == 0 ? "code_reuse" : "refresh_token_reuse", "used twice; the grant with all its tokens has been ended") with
        {
            ClientId = grant.ClientId,
            Subject = grant.UserId,
            SessionId = grant.SessionId,
            GrantId = GrantTokens.Name(grant.Id),
        });
}
