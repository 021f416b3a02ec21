using OpenIddict.Abstractions;
using OpenIddict.Server;
using static OpenIddict.Abstractions.OpenIddictConstants;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace McpIdentity.Server.Tokens;

/// <summary>
/// RFC 7662 §2.1: whoever asks about a token has to prove who they are. A public client cannot, and is refused before the
/// token is looked at: the answer is the same for a good token and for a bad one.
/// </summary>
internal sealed class RequireConfidentialCaller(IOpenIddictApplicationManager clients) : IOpenIddictServerHandler<ProcessAuthenticationContext>
{
    public async ValueTask HandleAsync(ProcessAuthenticationContext context)
    {
        if (context.EndpointType == OpenIddictServerEndpointType.Introspection && context.ClientId is { } clientId &&
            await clients.FindByClientIdAsync(clientId, context.CancellationToken) is { } client &&
            !await clients.HasPermissionAsync(client, Permissions.Endpoints.Introspection, context.CancellationToken))
        {
            context.Reject(Errors.InvalidClient, "Introspection needs a client that authenticates.");
        }
    }
}
