using McpIdentity.Mcp.Audit;
using McpIdentity.Server.Protocol;
using Microsoft.AspNetCore.Http.HttpResults;

namespace McpIdentity.Server.Clients;

/// <summary>A client that registered itself, changed or deleted its registration, or may not. A read changes nothing and is not recorded.</summary>
internal sealed class RecordRegistration(SecurityLog log) : IEndpointFilter
{
    public async ValueTask<object?> InvokeAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        var isRead = HttpMethods.IsGet(context.HttpContext.Request.Method);
        if (!isRead)
        {
            log.Require();
        }

        var result = await next(context);
        var e = ((result as INestedHttpResult)?.Result ?? result) switch
        {
            JsonHttpResult<ClientInformation> { Value: { } client } when !isRead => SecurityEvent.Success(HttpMethods.IsPut(context.HttpContext.Request.Method) ? "client_updated" : "client_registered") with
            {
                ClientId = client.ClientId,
                Reason = client.Statement is null ? client.ClientName : $"{client.ClientName}, by a software statement of {client.Statement.Issuer}".TrimStart(',', ' '),
                GrantType = string.Join(' ', client.GrantTypes),
                Scope = client.Scope,
                Got = client.RedirectUris is { Count: > 0 } uris ? string.Join(' ', uris.Select(RedirectUris.ForLog)) : null,
            },
            NoContent => SecurityEvent.Success("client_deleted") with
            {
                ClientId = context.HttpContext.GetRouteValue("clientId") as string,
                Reason = "by the client itself",
            },
            OAuthError error => SecurityEvent.Failure("registration_refused", $"{error.Error}: {error.Description}"),
            _ => null,
        };
        if (e is not null && isRead)
        {
            log.Write(context.HttpContext, e);
        }
        else if (e is not null)
        {
            await log.WriteKeptAsync(context.HttpContext, e);
        }

        return result;
    }
}
