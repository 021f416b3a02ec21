using McpIdentity.Server.Administration;

namespace McpIdentity.Server.AdminPages;

/// <summary>The console: pages for operators under <c>/admin</c>, over the same acts as the admin API and the command line.</summary>
internal static class ConsoleSetup
{
    public static void AddConsole(this WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton<ConsoleNotices>();
        builder.Services.AddKept<LastDay>(TimeSpan.FromMinutes(1), LastDay.ReadAsync);
        builder.Services.AddKept<AuditProof>(TimeSpan.Zero, async (services, cancellationToken) =>
        {
            var (proof, problem) = await services.GetRequiredService<AuditActs>().VerifyAsync([], cancellationToken);
            return proof ?? throw new InvalidOperationException(problem!.Detail);
        });
    }

    public static void MapConsole(this WebApplication app)
    {
        ServedFile.Script.Map(app);
        ServedFile.Style.Map(app);
    }
}
