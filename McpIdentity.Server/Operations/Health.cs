using McpIdentity.Server.Persistence;
using McpIdentity.Server.Protocol;
using McpIdentity.Server.Sessions;
using McpIdentity.Server.Settings;
using Microsoft.AspNetCore.Diagnostics.HealthChecks;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace McpIdentity.Server.Operations;

/// <summary>
/// <c>/health/live</c>: the process answers. <c>/health/ready</c> and <c>/health</c>: what it needs answers too; 503 names
/// the component that does not, and nothing about it (SEED-090).
/// </summary>
internal static class Health
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);

    public static void AddHealth(this WebApplicationBuilder builder, SessionStorageOptions sessions)
    {
        var checks = builder.Services.AddHealthChecks().AddCheck<DatabaseHealth>("database", timeout: Patience);
        if (sessions is { Redis.Host.Length: > 0 } or { Type: SessionStorageType.Redis })
        {
            // Limits and signals go on without it (docs/operations.md): only where it holds the sessions is its loss this server's.
            checks.AddCheck<RedisHealth>("redis", sessions.Type == SessionStorageType.Redis ? HealthStatus.Unhealthy : HealthStatus.Degraded, timeout: Patience);
        }

        if (sessions is { Type: SessionStorageType.File })
        {
            checks.AddCheck<SessionsHealth>("sessions", timeout: Patience);
        }
    }

    public static void MapHealth(this WebApplication app)
    {
        var address = new AddressAttribute(Reader.Programs, "GET HEAD") { AllowsHttp = true, AnyHost = true, WithoutOAuth = true };
        app.MapHealthChecks(Paths.Live, new HealthCheckOptions { Predicate = _ => false, ResponseWriter = WriteAsync }).WithAddress(address);
        app.MapHealthChecks(Paths.Ready, new HealthCheckOptions { ResponseWriter = WriteAsync }).WithAddress(address);
        app.MapHealthChecks(Paths.Health, new HealthCheckOptions { ResponseWriter = WriteAsync }).WithAddress(address);
    }

    private static Task WriteAsync(HttpContext context, HealthReport report) => context.Response.WriteAsJsonAsync(new
    {
        status = report.Status switch { HealthStatus.Healthy => "ok", HealthStatus.Degraded => "degraded", _ => "unavailable" },
        checks = report.Entries.ToDictionary(entry => entry.Key, entry => entry.Value.Status == HealthStatus.Healthy ? "ok" : "failed"),
    });

    private sealed class DatabaseHealth(PreparedSql sql) : IHealthCheck
    {
        public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
        {
            // Of the two ways to the database the one that may be left while it does not answer.
            await sql.ReadAsync("SELECT 1", [], _ => "", cancellationToken);
            return HealthCheckResult.Healthy();
        }
    }

    private sealed class SessionsHealth(ISessionStorage sessions) : IHealthCheck
    {
        public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
        {
            await sessions.CheckAsync(cancellationToken);
            return HealthCheckResult.Healthy();
        }
    }

    private sealed class RedisHealth(RedisConnection redis) : IHealthCheck
    {
        public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
        {
            await (await redis.DatabaseAsync()).PingAsync().WaitAsync(Patience, cancellationToken);
            return HealthCheckResult.Healthy();
        }
    }
}
