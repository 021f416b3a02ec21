using McpIdentity.Server.Protocol;
using McpIdentity.Server.Settings;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace McpIdentity.Server.Operations;

/// <summary>
/// <c>/health/live</c>: the process answers. <c>/health/ready</c> and <c>/health</c>: what it needs answers too, and it is
/// not about to stop; 503 names the component, and nothing about it (SEED-090).
/// </summary>
internal static class Health
{
    public static void AddHealth(this WebApplicationBuilder builder, SessionStorageOptions sessions)
    {
        builder.Services.AddSingleton<Readiness>();
        builder.Services.AddSingleton<DatabaseProbe>();
        builder.Services.AddSingleton<RedisProbe>();
        builder.Services.AddSingleton<SessionsProbe>();
        builder.Services.AddSingleton<LogProbe>();
        builder.Services.AddSingleton<PolicyProbe>();
        // Readiness says what changed, once; the framework would write a stack for each failed check.
        builder.Logging.AddFilter("Microsoft.Extensions.Diagnostics.HealthChecks", LogLevel.None);
        var checks = builder.Services.AddHealthChecks()
            .AddCheck<DatabaseProbe>("database")
            .AddCheck<LogProbe>("log", HealthStatus.Degraded)
            .AddCheck<PolicyProbe>("policy", HealthStatus.Degraded);
        if (sessions is { Redis.Host.Length: > 0 } or { Type: SessionStorageType.Redis })
        {
            // Limits and signals go on without it (docs/operations.md): only where it holds the sessions is its loss this server's.
            checks.AddCheck<RedisProbe>("redis", sessions.Type == SessionStorageType.Redis ? HealthStatus.Unhealthy : HealthStatus.Degraded);
        }

        if (sessions is { Type: SessionStorageType.File })
        {
            checks.AddCheck<SessionsProbe>("sessions");
        }
    }

    public static void MapHealth(this WebApplication app)
    {
        var address = new AddressAttribute(Reader.Programs, "GET HEAD") { AllowsHttp = true, AnyHost = true, WithoutOAuth = true };
        app.Map(Paths.Live, () => TypedResults.Ok(new { status = "ok" })).WithAddress(address);
        foreach (var path in (string[])[Paths.Ready, Paths.Health])
        {
            app.Map(path, AnswerAsync).WithAddress(address);
        }
    }

    private static async Task<IResult> AnswerAsync(HttpContext context, Readiness readiness)
    {
        context.Response.Headers.CacheControl = "no-store";
        var (status, checks) = await readiness.CheckAsync();
        if (status is not (Readiness.Ok or Readiness.Degraded))
        {
            context.Response.Headers.RetryAfter = "2";
            return TypedResults.Json(new { status, checks }, statusCode: StatusCodes.Status503ServiceUnavailable);
        }

        return TypedResults.Ok(new { status, checks });
    }
}
