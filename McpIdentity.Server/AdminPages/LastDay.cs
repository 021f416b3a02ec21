using McpIdentity.Migrations;
using McpIdentity.Server.Audit;
using Microsoft.EntityFrameworkCore;

namespace McpIdentity.Server.AdminPages;

/// <summary>What happened by the hour in the last 24, as the audit has it, and whether the schema is that of this program.</summary>
/// <param name="Charts">Of what was counted.</param>
/// <param name="Alarms">What somebody has to look at, and how often it was.</param>
/// <param name="PendingMigrations">How many the database lacks.</param>
internal sealed record LastDay(IReadOnlyList<Chart> Charts, IReadOnlyList<(string Event, long Count)> Alarms, int PendingMigrations)
{
    /// <summary>Events that did not get into the audit.</summary>
    public const string Lost = "events_dropped";

    /// <summary>The audit itself was changed.</summary>
    public const string Broken = "audit_chain_broken";

    private const int Hours = 24;
    private const string Success = "success";

    private static readonly string[] Alarming = [Lost, Broken, "code_reuse", "refresh_token_reuse"];

    public static async Task<LastDay> ReadAsync(IServiceProvider services, CancellationToken cancellationToken)
    {
        var db = services.GetRequiredService<McpIdentityDbContext>();
        var now = services.GetRequiredService<TimeProvider>().GetUtcNow();
        var first = new DateTimeOffset(now.UtcTicks - (now.UtcTicks % TimeSpan.TicksPerHour), TimeSpan.Zero).AddHours(1 - Hours);
        var counted = (await AuditHours.CountAsync(db, first, cancellationToken)).Where(hour => hour.Hour is >= 0 and < Hours).ToList();
        return new LastDay(
        [
            Draw("Tokens", Line("issued", hour => hour.Event is "token_issued" or "token_minted"), Line("refused", hour => hour.Event is "token_refused" or "client_authentication_failed"), Line("refreshed", hour => hour.Event == "token_refreshed")),
            Draw("Sign-ins", Line("signed in", hour => hour.Event == "login_success"), Line("failed", hour => hour.Event == "login_failure")),
            Draw("MCP requests", Line("let in", hour => hour.Event is "mcp_auth_success" or "mcp_anonymous_access"), Line("refused", hour => hour.Event is "mcp_auth_failure" or "scope_denied" or "tool_denied" or "policy_denied")),
            Draw("Calls of servers behind this one", Line("answered", hour => hour is { Event: "gateway_call", Result: Success }), Line("failed", hour => hour is { Event: "gateway_call", Result: not Success })),
        ],
        [.. Alarming.Select(name => (name, counted.Where(hour => hour.Event == name).Sum(hour => hour.Count))).Where(alarm => alarm.Item2 > 0)],
        (await db.Database.GetPendingMigrationsAsync(cancellationToken)).Count());

        Chart Draw(string title, params Chart.Line[] lines) => new(title, "hour", [.. Enumerable.Range(0, Hours).Select(hour => first.AddHours(hour))], lines);

        Chart.Line Line(string name, Func<AuditHour, bool> isOne)
        {
            var values = new long[Hours];
            foreach (var hour in counted.Where(isOne))
            {
                values[hour.Hour] += hour.Count;
            }

            return new Chart.Line(name, values);
        }
    }
}
