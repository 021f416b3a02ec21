using System.Security.Cryptography;
using McpIdentity.Migrations;
using McpIdentity.Migrations.Entities;
using McpIdentity.Tests.Support;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace McpIdentity.Tests.Housekeeping;

/// <summary>Grants whose time is over, straight into the store: nobody waits for so many sign-ins.</summary>
internal static class ExpiredGrants
{
    public static async Task AddAsync(TestServer server, string clientId, int count)
    {
        await using var scope = server.Services.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>();
        var then = server.Clock.GetUtcNow() - TimeSpan.FromHours(1);
        db.Grants.AddRange(Enumerable.Range(0, count).Select(_ => new Grant
        {
            Id = RandomNumberGenerator.GetBytes(16),
            UserId = "somebody",
            ClientId = clientId,
            SessionId = "a session",
            CreatedAt = then,
            RotatedAt = then,
            ExpiresAt = then,
            ProtectedClaims = "",
        }));
        await db.SaveChangesAsync();
    }

    /// <summary>All grants that are stored, living ones too.</summary>
    public static async Task<int> CountAsync(TestServer server)
    {
        await using var scope = server.Services.CreateAsyncScope();
        return await scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>().Grants.CountAsync();
    }
}
