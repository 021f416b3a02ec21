using McpIdentity.Mcp;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Settings;

/// <summary>
/// The sections of the configuration, each bound once: what decides what is built at all (the
/// database's provider, the sign-in providers) and <see cref="IOptions{TOptions}"/> are the same objects. Defaults that depend
/// on the environment and rules are the features', by <see cref="IPostConfigureOptions{TOptions}"/> and
/// <see cref="IValidateOptions{TOptions}"/>: they have not run yet when this is handed out.
/// </summary>
internal sealed record ServerSettings(ServerOptions Server, DatabaseOptions Database, OAuthServerOptions OAuth)
{
    public static ServerSettings Bind(WebApplicationBuilder builder)
    {
        var settings = new ServerSettings(
            Bind<ServerOptions>(builder, ServerOptions.Section),
            Bind<DatabaseOptions>(builder, DatabaseOptions.Section),
            Bind<OAuthServerOptions>(builder, OAuthServerOptions.Section));
        settings.OAuth.Resources.Clear();
        foreach (var entry in builder.Configuration.GetSection($"{OAuthServerOptions.Section}:{nameof(OAuthServerOptions.Resources)}").GetChildren())
        {
            settings.OAuth.Resources.Add(ResourceOptions.ReadFrom(entry)); // the binder knows no key with a colon in it
        }

        var gateway = Bind<GatewayOptions>(builder, GatewayOptions.Section);
        foreach (var entry in builder.Configuration.GetSection($"{GatewayOptions.Section}:{nameof(GatewayOptions.Servers)}").GetChildren())
        {
            gateway.Servers[entry.Key] = FrontedServerOptions.ReadFrom(entry);
        }

        Bind<McpHostOptions>(builder, McpOptions.Section);
        Bind<CorsSettings>(builder, CorsSettings.Section);
        Bind<BrandingOptions>(builder, BrandingOptions.Section);
        Bind<TelemetryOptions>(builder, TelemetryOptions.Section);
        Bind<AdminOptions>(builder, AdminOptions.Section);
        Bind<AuditOptions>(builder, AuditOptions.Section);
        Share(builder, PolicyOptions.ReadFrom(builder.Configuration.GetSection(PolicyOptions.Section)));
        builder.Services.AddSingleton(settings);
        return settings;
    }

    private static T Bind<T>(WebApplicationBuilder builder, string section)
        where T : class, new() => Share(builder, builder.Configuration.GetSection(section).Get<T>() ?? new T());

    private static T Share<T>(WebApplicationBuilder builder, T bound)
        where T : class
    {
        builder.Services.AddOptions<T>().ValidateOnStart();
        builder.Services.AddSingleton<IOptionsFactory<T>>(services => ActivatorUtilities.CreateInstance<Factory<T>>(services, bound));
        return bound;
    }

    private sealed class Factory<T>(
        T bound, IEnumerable<IConfigureOptions<T>> setups, IEnumerable<IPostConfigureOptions<T>> postConfigures, IEnumerable<IValidateOptions<T>> validations)
        : OptionsFactory<T>(setups, postConfigures, validations)
        where T : class
    {
        protected override T CreateInstance(string name) => bound;
    }
}
