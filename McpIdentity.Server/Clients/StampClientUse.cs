using OpenIddict.Server;
using static OpenIddict.Server.OpenIddictServerEvents;
using static OpenIddict.Server.OpenIddictServerHandlers;

namespace McpIdentity.Server.Clients;

/// <summary>Whoever is issued something is in use (<see cref="ClientUse"/>).</summary>
internal sealed class StampClientUse(ClientUse use) : IOpenIddictServerHandler<ProcessSignInContext>
{
    public static OpenIddictServerHandlerDescriptor Descriptor { get; } =
        OpenIddictServerHandlerDescriptor.CreateBuilder<ProcessSignInContext>()
            .UseSingletonHandler<StampClientUse>()
            .SetOrder(AttachSignInParameters.Descriptor.Order + 600)
            .Build();

    public ValueTask HandleAsync(ProcessSignInContext context)
    {
        if (context.ClientId is { } clientId)
        {
            use.Touch(clientId);
        }

        return default;
    }
}
