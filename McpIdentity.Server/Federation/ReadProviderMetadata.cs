using System.Text.Json;
using OpenIddict.Client;
using static OpenIddict.Abstractions.OpenIddictConstants;
using static OpenIddict.Client.OpenIddictClientEvents;

namespace McpIdentity.Server.Federation;

/// <summary>
/// PKCE with providers whose metadata is silent about it: they ignore what they do not know (RFC 6749 §3.1), and some know
/// it all the same. OpenIddict would leave it out; and it does not read which values of <c>prompt</c> there are.
/// </summary>
internal sealed class ReadProviderMetadata : IOpenIddictClientHandler<HandleConfigurationResponseContext>
{
    public static OpenIddictClientHandlerDescriptor Descriptor { get; } =
        OpenIddictClientHandlerDescriptor.CreateBuilder<HandleConfigurationResponseContext>()
            .UseSingletonHandler<ReadProviderMetadata>()
            .SetOrder(OpenIddictClientHandlers.Discovery.ExtractCodeChallengeMethods.Descriptor.Order + 900)
            .Build();

    public ValueTask HandleAsync(HandleConfigurationResponseContext context)
    {
        context.Configuration.CodeChallengeMethodsSupported.Add(CodeChallengeMethods.Sha256);
        if ((JsonElement?)context.Response[SignInDemand.PromptValuesSupported] is { ValueKind: JsonValueKind.Array } prompts)
        {
            context.Configuration.Properties[SignInDemand.PromptValuesSupported] =
                prompts.EnumerateArray().Where(prompt => prompt.ValueKind == JsonValueKind.String).Select(prompt => prompt.ToString()).ToArray();
        }

        return default;
    }
}
