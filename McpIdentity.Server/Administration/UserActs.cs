using McpIdentity.Mcp.Audit;
using McpIdentity.Migrations;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Revocation;
using McpIdentity.Server.Roles;
using McpIdentity.Server.Sessions;
using Microsoft.EntityFrameworkCore;

namespace McpIdentity.Server.Administration;

/// <summary>What operators do with people. A running server hears of it within a second.</summary>
internal sealed class UserActs(
    McpIdentityDbContext db, UserDirectory directory, SignInSessions sessions, ConnectionActs connections, Revocations revocations, AdminRoles roles, RoleActs holders, OperatorRecord record, TimeProvider time)
{
    /// <summary>Keeps somebody from signing in, and ends their sessions and everything they granted.</summary>
    public async Task<Outcome<UserDetails>> DisableAsync(Operator by, string userId, CancellationToken cancellationToken)
    {
        if (by.UserId == userId)
        {
            return AdminProblem.Conflict("own_account", "This is your own account: somebody else has to do it.");
        }

        var now = time.GetUtcNow();
        if (await holders.TurnAsync(
            async () => await CheckEndingAsync(by, userId, cancellationToken) is { } higher ? higher
                : await db.Users.Where(user => user.Id == userId).ExecuteUpdateAsync(set => set.SetProperty(user => user.DisabledAt, user => user.DisabledAt ?? now), cancellationToken) == 0 ? AdminProblem.NotFound("user", userId)
                : null,
            cancellationToken) is { } refused)
        {
            return refused;
        }

        await sessions.EndAllOfAsync(userId, cancellationToken);
        await connections.EndAsync(userId, server: null);
        await record.WriteAsync(by, SecurityEvent.Success("user_disabled") with { Subject = userId });
        return await directory.GetAsync(userId, cancellationToken);
    }

    /// <summary>Lets somebody sign in again.</summary>
    public async Task<Outcome<UserDetails>> EnableAsync(Operator by, string userId, CancellationToken cancellationToken)
    {
        if (await CheckRankAsync(by, userId, cancellationToken) is { } refused)
        {
            return refused;
        }

        if (!await db.Users.AnyAsync(user => user.Id == userId, cancellationToken))
        {
            return AdminProblem.NotFound("user", userId);
        }

        await revocations.SettleAsync(RevocationKind.User, userId, cancellationToken);
        await db.WriteAsync(() => db.Users.Where(user => user.Id == userId).ExecuteUpdateAsync(set => set.SetProperty(user => user.DisabledAt, (DateTimeOffset?)null), cancellationToken), cancellationToken);
        await record.WriteAsync(by, SecurityEvent.Success("user_enabled") with { Subject = userId });
        return await directory.GetAsync(userId, cancellationToken);
    }

    /// <summary>Forgets somebody: their sessions, their consents, their role and everything they granted. They may sign in anew.</summary>
    public async Task<AdminProblem?> RemoveAsync(Operator by, string userId, CancellationToken cancellationToken)
    {
        if (by.UserId == userId)
        {
            return AdminProblem.Conflict("own_account", "This is your own account: somebody else has to do it.");
        }

        if (await CheckRemovalAsync() is { } early)
        {
            return early;
        }

        // What they hold ends first: where that fails, they are there with their role, and it can be tried again.
        await sessions.EndAllOfAsync(userId, cancellationToken);
        await connections.EndAsync(userId, server: null);
        string? role = null;
        if (await holders.TurnAsync<AdminProblem?>(
            async () =>
            {
                if (await CheckRemovalAsync() is { } refusal)
                {
                    return refusal;
                }

                role = await holders.TakeAsync(userId, cancellationToken);
                await db.Users.Where(user => user.Id == userId).ExecuteDeleteAsync(cancellationToken);
                return null;
            },
            cancellationToken) is { } refused)
        {
            return refused;
        }

        if (role is not null)
        {
            await holders.RecordTakenAsync(by, userId, role);
        }

        await record.WriteAsync(by, SecurityEvent.Success("user_removed") with { Subject = userId });
        return null;

        async Task<AdminProblem?> CheckRemovalAsync() =>
            await CheckEndingAsync(by, userId, cancellationToken) ?? (await db.Users.AnyAsync(user => user.Id == userId, cancellationToken) ? null : AdminProblem.NotFound("user", userId));
    }

    // Who may change people would else take this server from its owners, or give it back to one from whom they took it.
    private async Task<AdminProblem?> CheckRankAsync(Operator by, string userId, CancellationToken cancellationToken) =>
        by.Way == Operator.ByCommandLine || (by.UserId is not null && by.Role == AdminRole.Owner) || await roles.FindAsync(userId, cancellationToken) is null ? null
        : new AdminProblem("administrator", StatusCodes.Status403Forbidden, "This person has a role here: an owner has to do it.");

    private async Task<AdminProblem?> CheckEndingAsync(Operator by, string userId, CancellationToken cancellationToken) =>
        await CheckRankAsync(by, userId, cancellationToken)
        ?? (by.Way != Operator.ByCommandLine && await holders.IsLastOwnerAsync(userId, cancellationToken) ? RoleActs.LastOwner : null);
}
