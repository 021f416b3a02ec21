using McpIdentity.Server.Settings;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Protocol;

/// <summary>The words of OAuth as values: errors, addresses, scopes, resources. What every feature may know.</summary>
internal static class ProtocolSetup
{
    public static void AddProtocol(this WebApplicationBuilder builder)
    {
        builder.Services.AddHttpContextAccessor();
        builder.Services.AddSingleton(TimeProvider.System);
        builder.Services.AddSingleton<PublicAddress>();
        builder.Services.AddSingleton<OwnEndpoint>();
        builder.Services.AddSingleton<ProtectedResources>();
        builder.Services.AddSingleton<IValidateOptions<OAuthServerOptions>, ResourceRules>();
    }
}
