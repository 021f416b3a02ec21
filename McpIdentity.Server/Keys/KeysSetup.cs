using McpIdentity.Mcp;
using McpIdentity.Persistence;
using McpIdentity.Server.Authorization;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.DataProtection.KeyManagement;
using Microsoft.Extensions.Options;
using OpenIddict.Server;

namespace McpIdentity.Server.Keys;

/// <summary>Signing keys, the encryption key and DataProtection: all in the database, all encrypted under one key.</summary>
internal static class KeysSetup
{
    public static void AddKeys(this WebApplicationBuilder builder)
    {
        var services = builder.Services;
        services.AddSingleton<EncryptionKeys>();
        services.AddSingleton<IPostConfigureOptions<OAuthServerOptions>, DevelopmentEncryptionKey>();
        services.AddHostedService<ReencryptRows>();
        services.AddSingleton<SigningKeyRing>();
        services.AddSingleton<IMcpSigningKeys>(provider => provider.GetRequiredService<SigningKeyRing>());
        services.AddSingleton<IConfigureOptions<OpenIddictServerOptions>>(provider => provider.GetRequiredService<SigningKeyRing>());

        if (!OAuthSwitch.IsOn(builder.Configuration))
        {
            services.AddDataProtection().UseEphemeralDataProtectionProvider(); // no cookie and no page is served
            return;
        }

        services.AddDataProtection().SetApplicationName("McpIdentity").PersistKeysToDbContext<McpIdentityDbContext>();
        services.AddSingleton<IConfigureOptions<KeyManagementOptions>>(provider => new ConfigureOptions<KeyManagementOptions>(
            options => options.XmlEncryptor = new DataProtectionEncryptor(provider.GetRequiredService<EncryptionKeys>())));
    }

    public static async Task LoadKeysAsync(this IServiceProvider services, CancellationToken cancellationToken)
    {
        if (!OAuthSwitch.IsOn(services.GetRequiredService<IConfiguration>()))
        {
            return; // nothing is signed, and keys of another time may be under an encryption key that is not here
        }

        await using var scope = services.CreateAsyncScope();
        await services.GetRequiredService<SigningKeyRing>().LoadAsync(
            scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>(), cancellationToken);
    }
}
