using OpenIddict.Abstractions;
using OpenIddict.Server;
using static OpenIddict.Abstractions.OpenIddictConstants;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace McpIdentity.Server.Clients;

/// <summary>
/// A client that waits for an operator gets no tokens. Not <c>invalid_client</c> or <c>unauthorized_client</c>, which make SDKs
/// forget their registration: they would register anew, and wait anew (docs/interoperability.md, "Lost registrations").
/// </summary>
internal sealed class RefuseWaitingClients(IOpenIddictApplicationManager clients) : IOpenIddictServerHandler<ValidateTokenRequestContext>
{
    public const string Description = "This client waits for the approval of an operator of this server. Try again later.";

    public async ValueTask HandleAsync(ValidateTokenRequestContext context)
    {
        if (context.ClientId is { } id && await clients.FindByClientIdAsync(id, context.CancellationToken) is { } client &&
            ClientApproval.IsAwaited(await clients.GetPropertiesAsync(client, context.CancellationToken)))
        {
            context.Reject(Errors.TemporarilyUnavailable, Description);
        }
    }
}
