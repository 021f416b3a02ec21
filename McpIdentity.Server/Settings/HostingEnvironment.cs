namespace McpIdentity.Server.Settings;

/// <summary>Which environment this is and where its files are.</summary>
internal static class HostingEnvironment
{
    public static WebApplicationOptions Options(string[] settings) => new()
    {
        Args = settings,
        // Where the pages are compiled, whoever hosts us: a test, for one.
        ApplicationName = typeof(HostingEnvironment).Assembly.GetName().Name,
        EnvironmentName = EnvironmentName(),
        // From a checkout or a container the working directory holds appsettings.json; started from elsewhere, the program's own folder does.
        ContentRootPath = ContentRootOf(settings) ?? (File.Exists("appsettings.json") || File.Exists(".env.oauth") ? Directory.GetCurrentDirectory() : AppContext.BaseDirectory),
    };

    // ASP.NET's own option, relative to the working directory: a folder with another appsettings.json.
    private static string? ContentRootOf(string[] settings) =>
        new ConfigurationBuilder().AddCommandLine(settings).Build()[WebHostDefaults.ContentRootKey] is { Length: > 0 } folder ? Path.GetFullPath(folder) : null;

    // NODE_ENV is Node's name for it; ASP.NET's own wins.
    private static string? EnvironmentName()
    {
        if (Environment.GetEnvironmentVariable("ASPNETCORE_ENVIRONMENT") is { Length: > 0 } ||
            Environment.GetEnvironmentVariable("DOTNET_ENVIRONMENT") is { Length: > 0 })
        {
            return null;
        }

        return Environment.GetEnvironmentVariable("NODE_ENV")?.ToUpperInvariant() switch
        {
            "PRODUCTION" => Environments.Production,
            "DEVELOPMENT" => Environments.Development,
            "TEST" => "Test",
            _ => null,
        };
    }
}
