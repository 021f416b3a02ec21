namespace McpIdentity.Server.Hosting;

/// <summary>
/// While the server starts, .NET's host and Kestrel log what stopped them with a stack, before whoever started it can say it
/// in a line. Afterwards they log as everywhere.
/// </summary>
internal static class QuietStart
{
    private static readonly string[] Categories = ["Microsoft.Extensions.Hosting.Internal.Host", "Microsoft.AspNetCore.Server.Kestrel"];

    public static void AddQuietStart(this WebApplicationBuilder builder)
    {
        var state = new Started();
        builder.Services.AddSingleton(state);
        foreach (var category in Categories)
        {
            builder.Logging.AddFilter(category, level => state.IsDone && level >= LogLevel.Warning);
        }
    }

    /// <summary>From here on they may speak.</summary>
    public static void EndQuietStart(this WebApplication app) => app.Services.GetRequiredService<Started>().IsDone = true;

    private sealed class Started
    {
        public volatile bool IsDone;
    }
}
