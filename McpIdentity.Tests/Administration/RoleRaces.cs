using McpIdentity.Migrations;
using McpIdentity.Server.Administration;
using McpIdentity.Server.Roles;
using McpIdentity.Server.Settings;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace McpIdentity.Tests.Administration;

/// <summary>Who gives and takes roles at one moment, over either database.</summary>
internal static class RoleRaces
{
    private static readonly Operator Console = new("a test", "another", AdminRole.Owner, Operator.ByConsole);

    public static async Task OneOwnerStaysAsync(AdminScene scene)
    {
        foreach (var (first, second) in new (Func<RoleActs, UserActs, string, Task<AdminProblem?>>, Func<RoleActs, UserActs, string, Task<AdminProblem?>>)[]
        {
            (RevokeAsync, RevokeAsync), (RevokeAsync, DemoteAsync), (DisableAsync, DisableAsync), (RemoveAsync, RevokeAsync),
        })
        {
            string[] owners = [await AdminSeeds.UserAsync(scene, AdminRole.Owner), await AdminSeeds.UserAsync(scene, AdminRole.Owner)];

            var ended = await Task.WhenAll(WithActsAsync(scene, (roles, users) => first(roles, users, owners[0])), WithActsAsync(scene, (roles, users) => second(roles, users, owners[1])));

            Assert.That(ended.Select(problem => problem?.Code), Is.EquivalentTo((string?[])[null, "last_owner"]), $"{first.Method.Name}, {second.Method.Name}");
            await EndAllAsync(scene);
        }
    }

    public static async Task OneRoleIsGrantedAsync(AdminScene scene)
    {
        var user = await AdminSeeds.UserAsync(scene);
        AdminRole[] roles = [AdminRole.Auditor, AdminRole.Helpdesk, AdminRole.Operator, AdminRole.Owner, AdminRole.Auditor, AdminRole.Helpdesk];

        var granted = await Task.WhenAll(roles.Select(role => WithActsAsync(scene, async (acts, _) => (await acts.GrantAsync(Console, user, role, CancellationToken.None)).Problem)));

        Assert.That(granted, Is.All.Null.Or.Property("Code").EqualTo("last_owner"));
        await using var scope = scene.Server.Services.CreateAsyncScope();
        Assert.That(await scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>().AdministratorRoles.CountAsync(role => role.UserId == user), Is.EqualTo(1));
        await EndAllAsync(scene);
    }

    private static Task<AdminProblem?> RevokeAsync(RoleActs roles, UserActs users, string user) => roles.RevokeAsync(Console, user, CancellationToken.None);

    private static async Task<AdminProblem?> DemoteAsync(RoleActs roles, UserActs users, string user) => (await roles.GrantAsync(Console, user, AdminRole.Auditor, CancellationToken.None)).Problem;

    private static async Task<AdminProblem?> DisableAsync(RoleActs roles, UserActs users, string user) => (await users.DisableAsync(Console, user, CancellationToken.None)).Problem;

    private static Task<AdminProblem?> RemoveAsync(RoleActs roles, UserActs users, string user) => users.RemoveAsync(Console, user, CancellationToken.None);

    // As at a server whose settings name no owner.
    private static async Task<T> WithActsAsync<T>(AdminScene scene, Func<RoleActs, UserActs, Task<T>> work)
    {
        await using var scope = scene.Server.Services.CreateAsyncScope();
        var roles = ActivatorUtilities.CreateInstance<RoleActs>(scope.ServiceProvider, Options.Create(new AdminOptions()));
        return await work(roles, ActivatorUtilities.CreateInstance<UserActs>(scope.ServiceProvider, roles));
    }

    private static async Task EndAllAsync(AdminScene scene)
    {
        await using var scope = scene.Server.Services.CreateAsyncScope();
        await scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>().AdministratorRoles.ExecuteDeleteAsync();
    }
}
