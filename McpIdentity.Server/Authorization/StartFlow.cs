using McpIdentity.Mcp.Audit;
using McpIdentity.Server.Clients;
using McpIdentity.Server.Protocol;
using Microsoft.AspNetCore;
using OpenIddict.Abstractions;
using OpenIddict.Server;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace McpIdentity.Server.Authorization;

/// <summary>
/// Gives an authorization an id, which the request carries through our pages and back, and the audit keeps with every event of it
/// (docs/audit.md, "Why somebody cannot connect"). Begins before anything is judged, so that a refusal belongs to it too.
/// </summary>
internal sealed class StartFlow(SecurityLog log, TimeProvider time) : IOpenIddictServerHandler<ValidateAuthorizationRequestContext>
{
    private const int Length = 32;

    public ValueTask HandleAsync(ValidateAuthorizationRequestContext context)
    {
        if (context.Transaction.GetHttpRequest()?.HttpContext is not { } http)
        {
            return default;
        }

        var carried = (string?)context.Request[KnownParameters.Flow];
        var isCarried = carried is { Length: Length } && carried.All(char.IsAsciiHexDigitLower);
        var flow = isCarried ? carried! : Guid.CreateVersion7(time.GetUtcNow()).ToString("N"); // new rows of the audit stand together at the end of its index
        context.Request[KnownParameters.Flow] = flow;
        http.Features.Set(new RequestFacts { ClientId = context.Request.ClientId, Resource = context.Request.GetResources().FirstOrDefault(), Flow = flow });
        if (!isCarried)
        {
            log.Write(http, SecurityEvent.Success("authorize_started") with { Scope = context.Request.Scope, Got = RedirectUris.ForLog(context.Request.RedirectUri) });
        }

        return default;
    }
}
