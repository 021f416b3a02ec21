namespace McpIdentity.Server.AdminPages;

/// <summary>The console: pages for operators under <c>/admin</c>, over the same acts as the admin API and the command line.</summary>
internal static class ConsoleSetup
{
    public static void AddConsole(this WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton<ConsoleNotices>();
    }

    public static void MapConsole(this WebApplication app)
    {
        ServedFile.Script.Map(app);
        ServedFile.Style.Map(app);
    }
}
