using McpIdentity.Server.Gateway;
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
        builder.Services.AddSingleton<AuditProbe>();
        builder.Services.AddSingleton<PolicyProbe>();
        // Readiness says what changed, once; the framework would write a stack for each failed check.
        builder.Logging.AddFilter("Microsoft.Extensions.Diagnostics.HealthChecks", LogLevel.None);
        var checks = builder.Services.AddHealthChecks()
            .AddCheck<DatabaseProbe>("database")
            .AddCheck<LogProbe>("log", HealthStatus.Degraded)
            .AddCheck<AuditProbe>("audit", HealthStatus.Degraded)
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
        app.Map(Paths.Live, IResult () => TypedResults.Ok(new { status = "ok" })).WithAddress(address);
        foreach (var path in (string[])[Paths.Ready, Paths.Health])
        {
            app.Map(path, AnswerAsync).WithAddress(address);
        }
    }

    private static async Task<IResult> AnswerAsync(HttpContext context, Readiness readiness, ServerContacts contacts)
    {
        context.Response.Headers.CacheControl = "no-store";
        var (status, checks) = await readiness.CheckAsync();
        var isReady = status is Readiness.Ok or Readiness.Degraded;
        if (!isReady)
        {
            context.Response.Headers.RetryAfter = "2";
        }

        // Those behind this one are no reason to send it fewer requests: each of its answers says by itself what does not work.
        // How many and not which: whoever asks here has shown nothing; `servers list` has their names.
        var servers = contacts.States.GroupBy(state => state.State).ToDictionary(state => state.Key, state => state.Count());
        object said = servers.Count > 0 ? new { status, checks, servers } : new { status, checks };
        return TypedResults.Json(said, statusCode: isReady ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable);
    }
}
