using Microsoft.IdentityModel.Tokens;
using OpenIddict.Client;
using static OpenIddict.Client.OpenIddictClientEvents;

namespace McpIdentity.Server.Federation;

/// <summary>
/// A provider that has changed its keys since we read them: its first id_token under a new key is good, and so is the next one
/// under the key after that.
/// </summary>
internal sealed class MeetNewKeys : IOpenIddictClientHandler<ValidateTokenContext>
{
    public static OpenIddictClientHandlerDescriptor Descriptor { get; } =
        OpenIddictClientHandlerDescriptor.CreateBuilder<ValidateTokenContext>()
            .UseSingletonHandler<MeetNewKeys>()
            .SetOrder(OpenIddictClientHandlers.Protection.ValidateIdentityModelToken.Descriptor.Order - 500)
            .Build();

    public async ValueTask HandleAsync(ValidateTokenContext context)
    {
        // Our own state tokens have no registration yet, and a key of ours.
        if (context.Principal is not null || context.Registration?.ConfigurationManager is not ProviderMetadata metadata ||
            context.Configuration is null || !context.SecurityTokenHandler.CanReadToken(context.Token))
        {
            return;
        }

        var result = await context.SecurityTokenHandler.ValidateTokenAsync(context.Token, context.TokenValidationParameters);
        if (result.Exception is SecurityTokenInvalidSignatureException && await metadata.GetNewerAsync(context.Configuration, context.CancellationToken) is { } newer)
        {
            context.TokenValidationParameters.IssuerSigningKeys = newer.SigningKeys;
        }
    }
}
