using McpIdentity.Server.Administration;
using McpIdentity.Server.Doctor;
using McpIdentity.Server.Operations;

namespace McpIdentity.Server.AdminPages;

/// <summary>The console: pages for operators under <c>/admin</c>, over the same acts as the admin API and the command line.</summary>
internal static class ConsoleSetup
{
    public static void AddConsole(this WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton<ConsoleNotices>();
        Keep<LastDay>(builder, TimeSpan.FromMinutes(1), LastDay.ReadAsync);
        Keep<IReadOnlyList<CheckResult>>(builder, TimeSpan.FromSeconds(10), (services, cancellationToken) => OwnChecks.RunAsync(services, wanted: null, cancellationToken));
        Keep<AuditProof>(builder, TimeSpan.Zero, async (services, cancellationToken) => (await services.GetRequiredService<AuditActs>().VerifyAsync([], cancellationToken)).Value!);
    }

    public static void MapConsole(this WebApplication app)
    {
        ServedFile.Script.Map(app);
        ServedFile.Style.Map(app);
    }

    private static void Keep<T>(WebApplicationBuilder builder, TimeSpan goodFor, Func<IServiceProvider, CancellationToken, Task<T>> ask)
        where T : class =>
        builder.Services.AddSingleton(services => new Kept<T>(services.GetRequiredService<IServiceScopeFactory>(), services.GetRequiredService<TimeProvider>(), goodFor, ask));
}
