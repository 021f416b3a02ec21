using McpIdentity.Mcp.Audit;
using McpIdentity.Server.Protocol;
using Microsoft.AspNetCore.Http.HttpResults;

namespace McpIdentity.Server.Clients;

/// <summary>A client that registered itself, or may not.</summary>
internal sealed class RecordRegistration(SecurityLog log) : IEndpointFilter
{
    public async ValueTask<object?> InvokeAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        var result = await next(context);
        switch ((result as INestedHttpResult)?.Result ?? result)
        {
            case JsonHttpResult<ClientInformation> { Value: { } client }:
                log.Write(context.HttpContext, SecurityEvent.Success("client_registered") with
                {
                    ClientId = client.ClientId,
                    Reason = client.ClientName,
                    GrantType = string.Join(' ', client.GrantTypes),
                    Scope = client.Scope,
                });
                break;
            case OAuthError error:
                log.Write(context.HttpContext, SecurityEvent.Failure("registration_refused", $"{error.Error}: {error.Description}"));
                break;
        }

        return result;
    }
}
