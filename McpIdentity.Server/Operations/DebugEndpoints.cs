using System.Net;
using McpIdentity.Migrations;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Protocol;
using McpIdentity.Server.Settings;
using Microsoft.EntityFrameworkCore;

namespace McpIdentity.Server.Operations;

/// <summary>
/// <c>/debug/config</c> and <c>/debug/tokens</c> (LINK-04): in Development, for this machine, with every secret left out.
/// Anywhere else the routes do not exist.
/// </summary>
internal static class DebugEndpoints
{
    private const int MostRecent = 100;

    public static void MapDebugEndpoints(this WebApplication app)
    {
        if (!app.Environment.IsDevelopment())
        {
            return;
        }

        var debug = app.MapGroup(Paths.Debug).WithAddress(new AddressAttribute(Reader.Programs, "GET") { AllowsHttp = true, WithoutOAuth = true }).AddEndpointFilter(async (context, next) =>
            IsFromThisMachine(context.HttpContext) ? await next(context) : TypedResults.NotFound());
        debug.Map("/config", IResult (IConfiguration configuration) => TypedResults.Json(
            EffectiveSettings.List((IConfigurationRoot)configuration).ToDictionary(setting => setting.Key, setting => new { value = setting.Value, source = setting.Source })));
        debug.Map("/tokens", async Task<IResult> (McpIdentityDbContext db, CancellationToken cancellationToken) => TypedResults.Json(
            (await db.Set<Grant>().AsNoTracking().OrderByDescending(grant => grant.CreatedAt).Take(MostRecent).ToListAsync(cancellationToken)).Select(grant => new
            {
                grant = Convert.ToHexStringLower(grant.Id),
                client = grant.ClientId,
                user = grant.UserId,
                refreshed = grant.Generation,
                created = grant.CreatedAt,
                expires = grant.ExpiresAt,
                revoked = grant.RevokedAt,
            })));
    }

    // A tunnel's agent runs on this machine too: what it brings is not from here.
    private static bool IsFromThisMachine(HttpContext context) =>
        context.Connection.RemoteIpAddress is { } address && IPAddress.IsLoopback(address) &&
        !context.Request.Headers.Keys.Any(name => name.StartsWith("X-Forwarded-", StringComparison.OrdinalIgnoreCase) || name.StartsWith("X-Original-", StringComparison.OrdinalIgnoreCase));
}
