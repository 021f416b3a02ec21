using OpenIddict.Client;
using static OpenIddict.Abstractions.OpenIddictConstants;
using static OpenIddict.Client.OpenIddictClientEvents;

namespace McpIdentity.Server.Federation;

/// <summary>
/// PKCE with providers whose metadata is silent about it: they ignore what they do not know (RFC 6749 §3.1), and some know
/// it all the same. OpenIddict would leave it out.
/// </summary>
internal sealed class AskForPkce : IOpenIddictClientHandler<HandleConfigurationResponseContext>
{
    public static OpenIddictClientHandlerDescriptor Descriptor { get; } =
        OpenIddictClientHandlerDescriptor.CreateBuilder<HandleConfigurationResponseContext>()
            .UseSingletonHandler<AskForPkce>()
            .SetOrder(OpenIddictClientHandlers.Discovery.ExtractCodeChallengeMethods.Descriptor.Order + 900)
            .Build();

    public ValueTask HandleAsync(HandleConfigurationResponseContext context)
    {
        context.Configuration.CodeChallengeMethodsSupported.Add(CodeChallengeMethods.Sha256);
        return default;
    }
}
