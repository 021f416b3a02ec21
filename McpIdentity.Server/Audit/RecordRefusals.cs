using McpIdentity.Mcp.Audit;
using McpIdentity.Server.Clients;
using Microsoft.AspNetCore;
using OpenIddict.Abstractions;
using OpenIddict.Server;
using static OpenIddict.Abstractions.OpenIddictConstants;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace McpIdentity.Server.Audit;

/// <summary>Whatever OpenIddict or a rule of ours refuses, at any endpoint, with the description that the client reads too.</summary>
internal sealed class RecordRefusals(SecurityLog log) : IOpenIddictServerHandler<ProcessErrorContext>, IOpenIddictServerHandler<ProcessChallengeContext>
{
    public ValueTask HandleAsync(ProcessErrorContext context) => WriteAsync(context, context.Error, context.ErrorDescription);

    public ValueTask HandleAsync(ProcessChallengeContext context) => WriteAsync(context, context.Response.Error, context.Response.ErrorDescription);

    private async ValueTask WriteAsync(BaseContext context, string? error, string? description)
    {
        // RFC 6749 §5.2: what OpenIddict calls an invalid token leaves the token endpoint as an invalid grant.
        var code = (error, context.EndpointType) is (Errors.InvalidToken, OpenIddictServerEndpointType.Token) ? Errors.InvalidGrant : error;
        var request = context.Transaction.Request;
        var http = context.Transaction.GetHttpRequest()?.HttpContext;
        var registered = context.EndpointType == OpenIddictServerEndpointType.Authorization && http is not null ? await FindOtherTargetsAsync(http, request) : null;
        log.Write(http, SecurityEvent.Failure(NameOf(code, context.EndpointType), $"{code}: {description}") with
        {
            ClientId = request?.ClientId,
            GrantType = request?.GrantType,
            Method = http?.Request.Path.Value,
            Got = registered is null ? null : RedirectUris.ForLog(request?.RedirectUri),
            Expected = registered,
        });
    }

    /// <returns>Where the client has registered that its answers go, if that is not where this one should; else null.</returns>
    private static async ValueTask<string?> FindOtherTargetsAsync(HttpContext http, OpenIddictRequest? request)
    {
        if (request is not { ClientId.Length: > 0, RedirectUri.Length: > 0 })
        {
            return null;
        }

        var clients = http.RequestServices.GetRequiredService<IOpenIddictApplicationManager>();
        return await clients.FindByClientIdAsync(request.ClientId, http.RequestAborted) is { } client && !await clients.ValidateRedirectUriAsync(client, request.RedirectUri, http.RequestAborted)
            ? string.Join(' ', (await clients.GetRedirectUrisAsync(client, http.RequestAborted)).Select(RedirectUris.ForLog))
            : null;
    }

    private static string NameOf(string? error, OpenIddictServerEndpointType endpoint) => (error, endpoint) switch
    {
        (Errors.InvalidClient, not OpenIddictServerEndpointType.Authorization) => "client_authentication_failed",
        (_, OpenIddictServerEndpointType.Authorization) => "authorization_refused",
        (_, OpenIddictServerEndpointType.Token) => "token_refused",
        _ => "request_refused",
    };
}
