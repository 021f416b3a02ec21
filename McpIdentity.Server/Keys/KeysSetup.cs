using McpIdentity.Mcp;
using McpIdentity.Server.Persistence;
using McpIdentity.Server.Settings;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.DataProtection.KeyManagement;
using Microsoft.Extensions.Options;
using OpenIddict.Server;

namespace McpIdentity.Server.Keys;

/// <summary>Signing keys, the encryption key and DataProtection: all in the database, all encrypted under one key.</summary>
internal static class KeysSetup
{
    public static void AddKeys(this WebApplicationBuilder builder, OAuthServerOptions oauth)
    {
        var services = builder.Services;
        services.AddSingleton<EncryptionKeys>();
        services.AddSingleton<IPostConfigureOptions<OAuthServerOptions>, DevelopmentEncryptionKey>();
        services.AddSingleton<IValidateOptions<OAuthServerOptions>, KeyRules>();
        services.AddSingleton<SigningKeyRing>();
        services.AddScoped<SigningKeyStore>();
        services.AddSingleton<SigningKeyRotation>();
        services.AddSingleton<NodeRegister>();
        services.AddHostedService(provider => provider.GetRequiredService<NodeRegister>());

        services.AddSingleton<IMcpSigningKeys>(provider => provider.GetRequiredService<SigningKeyRing>());
        services.AddSingleton<IConfigureOptions<OpenIddictServerOptions>>(provider => provider.GetRequiredService<SigningKeyRing>());

        if (!oauth.Enabled)
        {
            services.AddDataProtection().UseEphemeralDataProtectionProvider(); // no cookie and no page is served
            return;
        }

        services.AddHostedService(provider => provider.GetRequiredService<SigningKeyRotation>());
        services.AddDataProtection().SetApplicationName("McpIdentity");
        services.AddSingleton<IConfigureOptions<KeyManagementOptions>>(provider => new ConfigureOptions<KeyManagementOptions>(
            options => (options.XmlRepository, options.XmlEncryptor) =
                (new DataProtectionRows(provider.GetRequiredService<PreparedSql>()), new DataProtectionEncryptor(provider.GetRequiredService<EncryptionKeys>()))));
    }

    /// <summary>
    /// DataProtection makes a key when it finds none: of nodes that start at once each would make its own, and look for the
    /// others' once a day.
    /// </summary>
    public static async Task MakeFirstCookieKeyAsync(this IServiceProvider services, CancellationToken cancellationToken)
    {
        await using var work = await services.GetRequiredService<PreparedSql>().BeginWorkAsync("cookie keys", cancellationToken);
        services.GetDataProtector("first key").Protect([1]);
    }

    // Without an authorization server nothing is signed, and keys of another time may be under an encryption key that is not here.
    public static Task LoadKeysAsync(this IServiceProvider services, CancellationToken cancellationToken) =>
        services.GetRequiredService<ServerSettings>().OAuth.Enabled
            ? services.GetRequiredService<SigningKeyRotation>().StartKeysAsync(cancellationToken)
            : Task.CompletedTask;
}
