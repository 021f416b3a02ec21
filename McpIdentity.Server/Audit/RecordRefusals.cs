using McpIdentity.Mcp.Audit;
using Microsoft.AspNetCore;
using OpenIddict.Server;
using static OpenIddict.Abstractions.OpenIddictConstants;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace McpIdentity.Server.Audit;

/// <summary>Whatever OpenIddict or a rule of ours refuses, at any endpoint, with the description that the client reads too.</summary>
internal sealed class RecordRefusals(SecurityLog log) : IOpenIddictServerHandler<ProcessErrorContext>, IOpenIddictServerHandler<ProcessChallengeContext>
{
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
