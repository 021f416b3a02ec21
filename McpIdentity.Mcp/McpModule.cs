using McpIdentity.Mcp.Audit;
using McpIdentity.Mcp.Credentials;
using McpIdentity.Mcp.Gate;
using McpIdentity.Mcp.IssuerKeys;
using McpIdentity.Mcp.Limits;
using McpIdentity.Mcp.Metadata;
using McpIdentity.Mcp.Options;
using McpIdentity.Mcp.Sessions;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using ModelContextProtocol.AspNetCore;

namespace McpIdentity.Mcp;

/// <summary>A protected MCP endpoint for any ASP.NET Core host.</summary>
public static partial class McpModule
{
    /// <summary>Registers the endpoint's services and binds the sections <c>Mcp</c> and <c>Jwt</c>.</summary>
    /// <returns>The SDK's builder, for the host's own tools.</returns>
    public static IMcpServerBuilder AddMcpModule(this IHostApplicationBuilder builder)
    {
        var services = builder.Services;
        services.AddSingleton<IConfigureOptions<McpOptions>, McpOptionsSetup>();
        services.AddSingleton<IValidateOptions<McpOptions>, McpOptionsRules>();
        services.AddSingleton<IPostConfigureOptions<McpOptions>, GuardRules>();
        services.AddSingleton<IValidateOptions<McpOptions>, GuardRules>();
        services.AddOptions<McpOptions>().ValidateOnStart();
        services.AddOptions<ExternalJwtOptions>().BindConfiguration(ExternalJwtOptions.Section).ValidateOnStart();
        services.TryAddSingleton(TimeProvider.System);
        CleanLoggerFactory.Register(services, "McpIdentity", "ModelContextProtocol");
        AddCredentials(services);
        AddGate(services);
        AddGuards(services);
        services.AddSingleton<DeclaredTools>();
        services.AddSingleton<EndpointScopes>();
        AddSessions(services);
        return services.AddMcpServer().WithHttpTransport().AddAccessFilters();
    }

    /// <summary>Maps the endpoint and its metadata; nothing when <c>Mcp:Enabled</c> is false.</summary>
    /// <returns>For conventions of the host on all of these endpoints.</returns>
    public static IEndpointConventionBuilder MapMcpModule(this WebApplication app)
    {
        var module = app.MapGroup("");
        var options = app.Services.GetRequiredService<IOptions<McpOptions>>().Value;
        if (!options.Enabled)
        {
            return module;
        }

        SayWhatIsServed(app, options);
        var addresses = app.Services.GetRequiredService<ServedAddresses>();
        if (options.Auth.AuthType != McpAuthType.None)
        {
            // RFC 9728 §3.1 inserts the well-known part before the path; clients of before ask at the root, others append it.
            string[] methods = [HttpMethods.Get, HttpMethods.Head];
            foreach (var place in (string[])[ResourceMetadata.WellKnown, ResourceMetadata.WellKnown + options.Path, options.Path + ResourceMetadata.WellKnown])
            {
                module.MapMethods(place, methods, context => addresses.For(context).Metadata.ServeAsync(context));
            }
        }

        // Last of all conventions, so that the gate is part of the endpoint and cannot be ordered away by a middleware.
        var (runner, sessions) = (app.Services.GetRequiredService<SdkRunner>(), app.Services.GetRequiredService<OpenSessions>());
        module.MapMcp(options.Path).Finally(endpoint => PutBefore(endpoint, addresses, runner, sessions));
        // Other methods reach an endpoint too, so that what the host attaches (CORS) holds for their refusal as well.
        var allowed = options.SessionMode == McpSessionMode.Stateful ? "GET, POST, DELETE" : HttpMethods.Post;
        module.Map(options.Path, context => RefuseMethod(context, allowed));
        return module;
    }

    /// <summary>What the endpoint would say to a token, for a host's own diagnostics.</summary>
    /// <returns>Null when it is accepted, or the <c>error_description</c> of its refusal.</returns>
    internal static async ValueTask<string?> FindFlawAsync(this IServiceProvider services, string token, CancellationToken cancellationToken)
    {
        if (services.GetRequiredService<IOptions<McpOptions>>().Value.Auth.AuthType == McpAuthType.None)
        {
            return null; // nobody looks at it
        }

        return (await services.GetRequiredService<ServedAddresses>().Usual.Credentials.CheckAsync(new PresentedCredentials(token, null, null), cancellationToken)).Refusal;
    }

    private static Task RefuseMethod(HttpContext context, string allowed)
    {
        context.Response.StatusCode = StatusCodes.Status405MethodNotAllowed;
        context.Response.Headers.Allow = allowed;
        return Task.CompletedTask;
    }

    private static void PutBefore(EndpointBuilder endpoint, ServedAddresses addresses, SdkRunner runner, OpenSessions sessions)
    {
        // The gate decides on content types; routing would refuse them first.
        foreach (var accepts in endpoint.Metadata.OfType<IAcceptsMetadata>().ToList())
        {
            endpoint.Metadata.Remove(accepts);
        }

        var next = endpoint.RequestDelegate ?? throw new InvalidOperationException("The MCP endpoint has no handler.");
        var methods = endpoint.Metadata.OfType<IHttpMethodMetadata>().SelectMany(metadata => metadata.HttpMethods).ToList();
        if (methods.Contains(HttpMethods.Delete))
        {
            sessions.EndBy(next);
        }

        var isPost = methods.Contains(HttpMethods.Post);
        endpoint.RequestDelegate = context =>
        {
            if (!isPost && !SessionRouting.HasTarget(context.Request))
            {
                return RefuseMethod(context, HttpMethods.Post);
            }

            var served = addresses.For(context);
            return served.Gate.InvokeAsync(context, (http, call, access) => runner.RunAsync(http, next, served.Credentials, call, access));
        };
    }

    private static void AddCredentials(IServiceCollection services)
    {
        services.AddHttpClient(KeyDiscovery.ClientName, client => client.MaxResponseContentBufferSize = 256 * 1024)
            .ConfigurePrimaryHttpMessageHandler(KeyDiscovery.CreateHandler);
        services.AddSingleton<KeyDiscovery>();
        services.AddSingleton<TokenVerifier>();
    }

    private static void AddGate(IServiceCollection services)
    {
        services.AddSingleton<ToolRules>();
        services.AddSingleton<IMcpTools>(provider => provider.GetRequiredService<ToolRules>());
        services.AddSingleton<AccessRules>();
        services.AddSingleton<AccessLog>();
        services.AddSingleton<SdkRunner>();
        services.AddSingleton(provider => new ServedAddresses(
            provider,
            provider.GetRequiredService<IOptions<McpOptions>>().Value,
            provider.GetRequiredService<AccessRules>(),
            mcp => new ResourceMetadata(
                mcp, provider.GetRequiredService<IOptions<ExternalJwtOptions>>().Value, provider.GetRequiredService<EndpointScopes>().All, "MCP server")));
    }

    private static void AddSessions(IServiceCollection services)
    {
        services.AddSingleton<OpenSessions>();
        services.AddSingleton<StatelessTransport>();
        services.AddSingleton(provider => new SessionRouting(
            provider.GetRequiredService<OpenSessions>(), new Lazy<StatelessTransport>(provider.GetRequiredService<StatelessTransport>)));
        services.AddSingleton<SessionTransport>();
        services.AddSingleton<IConfigureOptions<HttpServerTransportOptions>>(provider => provider.GetRequiredService<SessionTransport>());
        services.AddSingleton<IPostConfigureOptions<HttpServerTransportOptions>>(provider => provider.GetRequiredService<SessionTransport>());
        services.AddSingleton<IValidateOptions<HttpServerTransportOptions>>(provider => provider.GetRequiredService<SessionTransport>());
        services.AddOptions<HttpServerTransportOptions>().ValidateOnStart();
    }

    private static void AddGuards(IServiceCollection services)
    {
        services.AddMetrics();
        services.AddSingleton<SecuritySignals>();
        services.AddSingleton<SecurityLog>();
        services.AddSingleton<MemoryRateCounter>();
        services.TryAddSingleton<IMcpRateCounter>(provider => provider.GetRequiredService<MemoryRateCounter>());
        services.AddSingleton<RateLimiter>();
    }

    private static void SayWhatIsServed(WebApplication app, McpOptions options)
    {
        var authType = options.Auth.AuthType.ToString().ToLowerInvariant();
        Serving(app.Logger, options.Resource, authType);
        var tools = app.Services.GetRequiredService<ToolRules>();
        tools.WarnOfUnknownTools();
        tools.WarnOfUnobtainableScopes();
        var log = app.Services.GetRequiredService<SecurityLog>();
        if (options.Auth.AuthType == McpAuthType.None)
        {
            log.Write(null, SecurityEvent.Warning("config_warning", "Mcp:Auth:AuthType is none: everybody can call every tool"));
            OpenToEveryone(app.Logger, app.Environment.IsProduction() ? LogLevel.Critical : LogLevel.Warning, options.Path);
        }

        if (options.DnsRebinding.AllowedOrigins.Contains(Origins.Anyone))
        {
            AnyOrigin(app.Logger, options.Path);
        }

        if (!options.AuthEnforcement.Enabled)
        {
            log.Write(null, SecurityEvent.Warning("config_warning", "Mcp:AuthEnforcement:Enabled is false: refusals are only reported"));
            OnlyReporting(app.Logger);
        }

        if (options.Auth is { AcceptsJwt: true, Jwt.AllowExpiredTokens: true })
        {
            log.Write(null, SecurityEvent.Warning("config_warning", "Mcp:Auth:Jwt:AllowExpiredTokens is true: expired JWTs are accepted"));
            ExpiredTokensAllowed(app.Logger);
        }
    }

    [LoggerMessage(3000, LogLevel.Information, "The MCP endpoint is {Resource}; its auth type is {AuthType}.")]
    private static partial void Serving(ILogger logger, string resource, string authType);

    [LoggerMessage(EventId = 3001, Message = "Mcp:Auth:AuthType is none: everybody can call every tool at {Path}.")]
    private static partial void OpenToEveryone(ILogger logger, LogLevel level, string path);

    [LoggerMessage(3004, LogLevel.Warning, "Mcp:DnsRebinding:AllowedOrigins (Cors:Origin) is *: every web page that a person opens may call {Path} as anybody without a token.")]
    private static partial void AnyOrigin(ILogger logger, string path);

    [LoggerMessage(3002, LogLevel.Warning, "Mcp:AuthEnforcement:Enabled is false: refusals are only reported.")]
    private static partial void OnlyReporting(ILogger logger);

    [LoggerMessage(3003, LogLevel.Warning, "Mcp:Auth:Jwt:AllowExpiredTokens is true: expired JWTs are accepted.")]
    private static partial void ExpiredTokensAllowed(ILogger logger);
}
