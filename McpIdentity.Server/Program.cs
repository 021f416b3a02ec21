using McpIdentity.Server.Account;
using McpIdentity.Server.Administration;
using McpIdentity.Server.Administration.Api;
using McpIdentity.Server.AdminPages;
using McpIdentity.Server.Audit;
using McpIdentity.Server.Authorization;
using McpIdentity.Server.Catalogue;
using McpIdentity.Server.Clients;
using McpIdentity.Server.Connections;
using McpIdentity.Server.Discovery;
using McpIdentity.Server.Federation;
using McpIdentity.Server.Gateway;
using McpIdentity.Server.Hosting;
using McpIdentity.Server.Housekeeping;
using McpIdentity.Server.Keys;
using McpIdentity.Server.Limits;
using McpIdentity.Server.Operations;
using McpIdentity.Server.Pages;
using McpIdentity.Server.Persistence;
using McpIdentity.Server.Policy;
using McpIdentity.Server.Protocol;
using McpIdentity.Server.Revocation;
using McpIdentity.Server.Roles;
using McpIdentity.Server.Sessions;
using McpIdentity.Server.Settings;
using McpIdentity.Server.Telemetry;
using McpIdentity.Server.Tokens;

namespace McpIdentity.Server;

/// <summary>The table of contents: each line is a subject with a folder of its own.</summary>
internal static class Program
{
    /// <summary>The server with everything in it and no address yet: what a verb works with, and what <see cref="PrepareAsync"/> makes ready to serve.</summary>
    /// <param name="settings">Configuration in the form <c>--Section:Key=value</c>; it wins over every other source.</param>
    /// <param name="configure">Changes to make before the server is built: a clock, in tests.</param>
    /// <exception cref="ConfigurationProblems.InvalidConfigurationException">With all that is wrong.</exception>
    public static WebApplication Build(string[] settings, Action<WebApplicationBuilder>? configure = null)
    {
        var problems = new ConfigurationProblems();
        var builder = Configure(settings, problems);
        problems.Find(builder.Configuration);

        var options = ServerSettings.Bind(builder);

        builder.AddListening(options.Server);
        builder.AddTrustedProxies();
        builder.AddProtocol();
        builder.AddPages();
        builder.AddPersistence(options.Database);
        builder.AddKeys(options.OAuth);
        builder.AddRevocation();
        builder.AddSignInSessions();
        builder.AddClients();
        builder.AddFederatedSignIn(options.OAuth);
        builder.AddPolicy();
        builder.AddRoles();
        builder.AddToolCatalogue();
        builder.AddAuthorizationRequests();
        builder.AddTokens();
        builder.AddAccount();
        builder.AddAuthorizationServer(options.OAuth);
        builder.AddDiscovery();
        builder.AddMcpResource();
        builder.AddConnections();
        builder.AddGateway();
        builder.AddRateLimits();
        builder.AddAudit();
        builder.AddAdministration();
        builder.AddConsole();
        builder.AddProtocolCors();
        builder.AddHousekeeping();
        builder.AddHealth(options.OAuth.SessionStorage);
        builder.AddTelemetry();
        configure?.Invoke(builder);

        var app = builder.Build();
        problems.ThrowIfAny(app.Services);
        app.LogStart(problems);
        app.Services.PutServersInForce();
        return app;
    }

    /// <summary>What happens to a request, and the addresses. Nothing of it asks the database.</summary>
    public static void Map(WebApplication app)
    {
        app.UseDraining();
        app.UseTrustedProxies();
        app.UseErrorHandling();
        app.UseRouting(); // before what follows, because what an address needs stands at its endpoint
        app.UseErrorPages();
        app.UseExpectedHosts();
        app.UseProtocolCors();
        app.UseOAuthSwitch();
        app.UseRequiredHttps();
        app.UsePreparedMetadata();
        app.UseSecurityHeaders();
        app.UseUnknownAddresses();
        app.UseAllowedMethods();
        app.UseSignInAudit();
        app.UseRateLimits();
        app.UseProtocolRequestChecks();
        app.UseRateLimitsByForm();
        app.UseTokenJudges();
        app.UsePageLanguage();
        app.UseUpstreamStates();
        app.UseAuthentication();
        app.UseAntiforgery();

        app.MapDiscovery();
        app.MapAuthorizeEndpoint();
        app.MapTokenEndpoints();
        app.MapCallbackEndpoint();
        app.MapRegistrationEndpoint();
        app.MapPages();
        app.MapAccount();
        app.MapHealth();
        app.MapDebugEndpoints();
        app.MapMcpResource();
        app.MapConnections();
        app.MapGateway();
        app.MapAdminApi();
        app.MapConsole();
    }

    /// <summary>The settings of every source, before anything is made of them.</summary>
    public static WebApplicationBuilder Configure(string[] settings, ConfigurationProblems problems)
    {
        var builder = WebApplication.CreateBuilder(HostingEnvironment.Options(settings));
        // That every service can be made say the tests: in Development each start and each verb would look at all of them.
        builder.Host.UseDefaultServiceProvider(services => services.ValidateScopes = builder.Environment.IsDevelopment());
        HostingEnvironment.Check(builder.Environment, problems);
        builder.Configuration.AddEnvironmentNames(builder.Environment.ContentRootPath, problems);
        return builder;
    }

    /// <summary>
    /// What must be true before the first request: the addresses, the schema, one encryption key on all servers, the keys, the sessions,
    /// the configured clients, the revocations, the servers behind this one and their tools, the policy.
    /// </summary>
    /// <returns>The migrations that were applied.</returns>
    public static async Task<IReadOnlyList<string>> PrepareAsync(WebApplication app, CancellationToken cancellationToken)
    {
        using var failed = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var mapped = Task.Run(() => Map(app), CancellationToken.None); // on another core
        var prepared = PrepareStorageAsync(app.Services, failed.Token);
        try
        {
            await await Task.WhenAny(mapped, prepared); // what is wrong with an address is said while the database is away, too
            await mapped;
            return await prepared;
        }
        catch
        {
            await failed.CancelAsync();
            await Task.WhenAll(mapped, prepared).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing); // both work with what is disposed now
            throw;
        }
    }

    private static async Task<IReadOnlyList<string>> PrepareStorageAsync(IServiceProvider services, CancellationToken cancellationToken)
    {
        var applied = await services.MigrateOnStartAsync(cancellationToken);
        foreach (var step in (Func<Task>[])
        [
            () => services.GetRequiredService<NodeRegister>().JoinAsync(cancellationToken),
            () => services.LoadKeysAsync(cancellationToken),
            () => services.MakeFirstCookieKeyAsync(cancellationToken),
            () => services.OpenSessionsAsync(cancellationToken),
            () => services.ApplyStaticClientsAsync(cancellationToken),
            () => services.GetRequiredService<RevocationFeed>().LoadAsync(cancellationToken),
            () => services.LoadStoredServersAsync(cancellationToken),
            () => services.LoadToolCatalogueAsync(cancellationToken),
            () => services.LoadPolicyAsync(cancellationToken), // after the servers that its rules name
        ])
        {
            await services.TryStepAsync(step, cancellationToken);
        }

        services.LimitConnections();
        return applied;
    }
}
