using System.Net;
using McpIdentity.Migrations;
using McpIdentity.Server.Clients.Assertions;
using McpIdentity.Server.Clients.Documents;
using McpIdentity.Server.Clients.Statements;
using McpIdentity.Server.Outbound;
using McpIdentity.Server.Persistence;
using McpIdentity.Server.Settings;
using Microsoft.Extensions.Options;
using OpenIddict.Abstractions;
using OpenIddict.EntityFrameworkCore.Models;

namespace McpIdentity.Server.Clients;

/// <summary>
/// The programs that ask for tokens: one registry of those that an operator configured and those that registered themselves,
/// their redirect URIs and secrets, and when each was last used.
/// </summary>
internal static class ClientsSetup
{
    public static void AddClients(this WebApplicationBuilder builder)
    {
        var services = builder.Services;
        services.PostConfigure<OAuthServerOptions>(ClientPreset.Apply);
        services.AddSingleton<IValidateOptions<OAuthServerOptions>, RegistrationRules>();
        services.AddSingleton<IValidateOptions<OAuthServerOptions>, StaticClientRules>();
        services.AddSingleton<IValidateOptions<OAuthServerOptions>, ClientDocumentRules>();
        services.AddSingleton(provider => new GuardedHttp(
            [.. provider.GetRequiredService<IOptions<OAuthServerOptions>>().Value.ClientDocuments.AllowedNetworks.Select(network => IPNetwork.Parse(network))]));
        services.AddOpenIddict().AddCore(core =>
        {
            core.UseEntityFrameworkCore().UseDbContext<McpIdentityDbContext>();
            core.ReplaceApplicationManager<OpenIddictEntityFrameworkCoreApplication, ClientManager>();
        });
        services.AddSingleton<ClientCache.Entries>();
        services.AddSingleton<ProvenSecrets>();
        services.AddScoped<IOpenIddictApplicationCache<OpenIddictEntityFrameworkCoreApplication>, ClientCache>();
        services.AddSingleton<KnownClients>();
        services.AddSingleton<ClientUse>();
        services.AddHostedService(provider => provider.GetRequiredService<ClientUse>());
        services.AddSingleton<ClientKeys>();
        services.AddSingleton<UsedAssertions>();
        services.AddSingleton<SoftwareStatements>();
        services.AddSingleton<SignedClientIds>();
        services.AddSingleton<SignedClients>();
        services.AddSingleton<RegistrationJudge>();
        services.AddScoped<InitialAccessTokens>();
        services.AddScoped<ClientRows>();
        services.AddScoped<ClientRegistrar>();
        services.AddScoped<ClientConfiguration>();
        services.AddScoped<StaticClients>();
        services.AddSingleton<FetchBudgets>();
        services.AddSingleton<ClientDocuments>();
    }

    /// <summary>Makes the registry agree with <c>OAuth:StaticClients</c>.</summary>
    public static async Task ApplyStaticClientsAsync(this IServiceProvider services, CancellationToken cancellationToken)
    {
        if (!await StaticClients.AreAnyAsync(services.GetRequiredService<PreparedSql>(), services.GetRequiredService<IOptions<OAuthServerOptions>>().Value, cancellationToken))
        {
            return;
        }

        await using var scope = services.CreateAsyncScope();
        await scope.ServiceProvider.GetRequiredService<StaticClients>().ApplyAsync(cancellationToken);
    }
}
