using OpenIddict.Server;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace McpIdentity.Server.Clients;

/// <summary>Whoever is issued something is in use (<see cref="ClientUse"/>).</summary>
internal sealed class StampClientUse(ClientUse use) : IOpenIddictServerHandler<ProcessSignInContext>
{
    public ValueTask HandleAsync(ProcessSignInContext context)
    {
        if (context.ClientId is { } clientId)
        {
            use.Touch(clientId);
        }

        return default;
    }
}
