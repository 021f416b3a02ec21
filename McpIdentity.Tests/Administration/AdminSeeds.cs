using McpIdentity.Migrations;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Administration;
using McpIdentity.Server.Roles;
using McpIdentity.Tests.Support;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace McpIdentity.Tests.Administration;

/// <summary>Makes what an operation works on, anew for each call: by the names of the parts of its path.</summary>
internal static class AdminSeeds
{
    private static int _count;

    /// <param name="scene">The server.</param>
    /// <param name="operation">For what.</param>
    /// <returns>The path, with what was made in it.</returns>
    public static async Task<string> PathForAsync(AdminScene scene, ApiDocument.Operation operation)
    {
        var path = operation.Path;
        if (path.Contains("{client_id}", StringComparison.Ordinal))
        {
            path = path.Replace("{client_id}", await ClientAsync(scene, isWaiting: operation.Id == "approve_client"), StringComparison.Ordinal);
        }

        if (path.Contains("{user_id}", StringComparison.Ordinal))
        {
            path = path.Replace("{user_id}", await UserAsync(scene, operation.Id is "get_role" or "remove_role" ? AdminRole.Auditor : null), StringComparison.Ordinal);
        }

        return path;
    }

    /// <summary>The body that the document shows, made its own where two would be in each other's way.</summary>
    public static string? BodyFor(ApiDocument.Operation operation) => operation.Example;

    private static async Task<string> ClientAsync(AdminScene scene, bool isWaiting)
    {
        var client = await OAuthClient.RegisterServiceAsync(scene.Server);
        if (isWaiting)
        {
            await using var scope = scene.Server.Services.CreateAsyncScope();
            await scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>().Clients.Where(stored => stored.ClientId == client.ClientId)
                .ExecuteUpdateAsync(set => set.SetProperty(stored => EF.Property<DateTimeOffset?>(stored, ClientColumns.AwaitingApprovalSince), scene.Server.Clock.GetUtcNow()));
        }

        return client.ClientId;
    }

    /// <summary>Somebody who has signed in once.</summary>
    public static async Task<string> UserAsync(AdminScene scene, AdminRole? role = null)
    {
        var id = $"seed-{Interlocked.Increment(ref _count)}";
        await using var scope = scene.Server.Services.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>();
        db.Users.Add(new User { Id = id, Provider = "google", ProviderSubject = id, Email = $"{id}@example.com", Name = id, CreatedAt = scene.Server.Clock.GetUtcNow(), LastSignInAt = scene.Server.Clock.GetUtcNow() });
        await db.SaveChangesAsync();
        if (role is { } given)
        {
            await scope.ServiceProvider.GetRequiredService<RoleActs>().GrantAsync(Operator.OfThisMachine, id, given, CancellationToken.None);
        }

        return id;
    }
}
