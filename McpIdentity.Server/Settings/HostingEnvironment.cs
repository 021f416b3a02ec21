namespace McpIdentity.Server.Settings;

/// <summary>Which environment this is and where its files are.</summary>
internal static class HostingEnvironment
{
    private static readonly string[] Known = [Environments.Development, Environments.Staging, "Test", Environments.Production];

    public static WebApplicationOptions Options(string[] settings) => new()
    {
        // Settings are read once. Watching their files would change nothing but log levels, and takes one of the few watches that
        // a user has (inotify): on a machine with many containers the start failed for want of one.
        Args = ["--hostBuilder:reloadConfigOnChange=false", .. settings],
        // Where the pages are compiled, whoever hosts us: a test, for one.
        ApplicationName = typeof(HostingEnvironment).Assembly.GetName().Name,
        EnvironmentName = EnvironmentName(settings),
        // From a checkout or a container the working directory holds appsettings.json; started from elsewhere, the program's own folder does.
        ContentRootPath = ContentRootOf(settings) ?? (File.Exists("appsettings.json") || File.Exists(".env.oauth") ? Directory.GetCurrentDirectory() : AppContext.BaseDirectory),
    };

    /// <summary>An environment of another name is nobody's mistake to refuse, and may be a slip: <c>prod</c> is not Production.</summary>
    public static void Check(IHostEnvironment environment, ConfigurationProblems problems)
    {
        if (!Known.Contains(environment.EnvironmentName, StringComparer.OrdinalIgnoreCase))
        {
            problems.Warn($"The environment (ASPNETCORE_ENVIRONMENT) is '{environment.EnvironmentName}', which is none of {string.Join(", ", Known)}: what Production refuses is not refused here.");
        }
    }

    // ASP.NET's own option, relative to the working directory: a folder with another appsettings.json.
    private static string? ContentRootOf(string[] settings) =>
        new ConfigurationBuilder().AddCommandLine(settings).Build()[WebHostDefaults.ContentRootKey] is not { Length: > 0 } folder ? null
        : Directory.Exists(folder) ? Path.GetFullPath(folder)
        : throw new InvalidOperationException($"The folder of --contentRoot, {Path.GetFullPath(folder)}, does not exist: name the one with appsettings.json.");

    // NODE_ENV is Node's name for it; ASP.NET's own wins.
    private static string? EnvironmentName(string[] settings)
    {
        foreach (var name in (string[])["ASPNETCORE_ENVIRONMENT", "DOTNET_ENVIRONMENT"])
        {
            if (Environment.GetEnvironmentVariable(name) is { Length: > 0 } value)
            {
                // "Production" with a line break behind it is no other environment, in which Production's rules do not hold.
                return value == value.Trim() || SaysEnvironment(settings) ? null : value.Trim();
            }
        }

        return Environment.GetEnvironmentVariable("NODE_ENV")?.Trim().ToUpperInvariant() switch
        {
            "PRODUCTION" => Environments.Production,
            "DEVELOPMENT" => Environments.Development,
            "TEST" => "Test",
            _ => null,
        };
    }

    private static bool SaysEnvironment(string[] settings) =>
        new ConfigurationBuilder().AddCommandLine(settings).Build()[HostDefaults.EnvironmentKey] is { Length: > 0 };
}
