using McpIdentity.Mcp;

namespace McpIdentity.Server.Settings;

/// <summary>
/// Every section of the configuration that is ours and the type it binds to. What is not in such a type is refused at the
/// start, and what is appears in <c>docs/configuration.md</c>.
/// </summary>
internal static class SettingsSections
{
    public static readonly IReadOnlyList<(string Name, Type Options)> All =
    [
        (ServerOptions.Section, typeof(ServerOptions)),
        (DatabaseOptions.Section, typeof(DatabaseOptions)),
        (OAuthServerOptions.Section, typeof(OAuthServerOptions)),
        (ExternalJwtOptions.Section, typeof(ExternalJwtOptions)),
        (McpOptions.Section, typeof(McpOptions)),
        (CorsSettings.Section, typeof(CorsSettings)),
    ];
}
