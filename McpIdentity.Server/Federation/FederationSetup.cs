using McpIdentity.Server.Settings;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Federation;

/// <summary>
/// Who people are: the providers that vouch for them, their callbacks, whom the operator admits, and our record of each person.
/// </summary>
internal static class FederationSetup
{
    public static void AddFederatedSignIn(this WebApplicationBuilder builder, OAuthServerOptions oauth)
    {
        builder.Services.AddSingleton<IValidateOptions<OAuthServerOptions>, UpstreamProviderRules>();
        builder.Services.AddSingleton<SignInProviders>();
        builder.Services.AddSingleton<TrustedProviders>();
        builder.Services.AddSingleton<Admission>();
        builder.Services.AddScoped<UserDirectory>();
        builder.Services.AddScoped<UpstreamStates>();
        builder.AddGoogleSignIn(oauth);
        builder.AddUpstreamClients(oauth);
    }
}
