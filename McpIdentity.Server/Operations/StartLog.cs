using McpIdentity.Server.Settings;

namespace McpIdentity.Server.Operations;

/// <summary>What an operator should read at a start: what is odd in the settings, and in Production the security checklist.</summary>
internal static partial class StartLog
{
    public static void LogStart(this WebApplication app, ConfigurationProblems problems)
    {
        foreach (var warning in problems.Warnings)
        {
            Warn(app.Logger, warning);
        }

        if (app.Environment.IsProduction())
        {
            foreach (var item in SecurityChecklist.Judge(app.Services))
            {
                Item(app.Logger, item.Verdict == Verdict.Pass ? LogLevel.Information : LogLevel.Warning, item.Id.Split('.')[1], item.Verdict.Word(), item.Says);
            }
        }
    }

    [LoggerMessage(1404, LogLevel.Warning, "{Warning}")]
    private static partial void Warn(ILogger logger, string warning);

    [LoggerMessage(EventId = 1405, Message = "checklist:{Name} {Verdict}: {Says}")]
    private static partial void Item(ILogger logger, LogLevel level, string name, string verdict, string says);
}
