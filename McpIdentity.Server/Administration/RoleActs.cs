using McpIdentity.Mcp.Audit;
using McpIdentity.Migrations;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Persistence;
using McpIdentity.Server.Roles;
using McpIdentity.Server.Settings;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Administration;

/// <summary>Who has which role here.</summary>
/// <param name="Role">owner, operator, auditor or helpdesk.</param>
/// <param name="Source">settings, for an entry of the configuration, or granted, for a person.</param>
/// <param name="Entry">The entry of the settings: an e-mail address, a user, or group: and a group.</param>
/// <param name="UserId">The person.</param>
/// <param name="Email">Their e-mail address.</param>
/// <param name="Name">Their name.</param>
/// <param name="GrantedAt">Since when.</param>
/// <param name="GrantedBy">By whom.</param>
internal sealed record RoleHolder(string Role, string Source, string? Entry, string? UserId, string? Email, string? Name, DateTimeOffset? GrantedAt, string? GrantedBy);

/// <summary>Gives roles and takes them. What the settings give stays until they change.</summary>
internal sealed class RoleActs(McpIdentityDbContext db, OperatorRecord record, IOptions<AdminOptions> options, TimeProvider time)
{
    private const string Granted = "granted";

    /// <summary>Everybody, the settings first.</summary>
    public async Task<IReadOnlyList<RoleHolder>> ListAsync(CancellationToken cancellationToken)
    {
        var rows = await (
            from role in db.AdministratorRoles
            join user in db.Users on role.UserId equals user.Id into known
            from person in known.DefaultIfEmpty()
            orderby role.UserId
            select new { Role = role, person!.Email, person.Name }).AsNoTracking().ToListAsync(cancellationToken);
        return
        [
            .. OfSettings(AdminRole.Owner, options.Value.Owners), .. OfSettings(AdminRole.Operator, options.Value.Operators),
            .. OfSettings(AdminRole.Auditor, options.Value.Auditors), .. OfSettings(AdminRole.Helpdesk, options.Value.Helpdesk),
            .. rows.Select(row => new RoleHolder(row.Role.Role, Granted, null, row.Role.UserId, row.Email, row.Name, row.Role.GrantedAt, row.Role.GrantedBy)),
        ];
    }

    /// <summary>The role that somebody was given, beside what the settings say.</summary>
    public async Task<Outcome<RoleHolder>> GetAsync(string userId, CancellationToken cancellationToken) =>
        (await ListAsync(cancellationToken)).FirstOrDefault(holder => holder.UserId == userId) is { } holder ? holder : AdminProblem.NotFound("role", userId);

    /// <summary>Gives somebody a role, in the place of the one that they were given before.</summary>
    public async Task<Outcome<RoleHolder>> GrantAsync(Operator by, string userId, AdminRole role, CancellationToken cancellationToken)
    {
        string? was = null;
        var (name, now) = (AdminRoles.NameOf(role), time.GetUtcNow());
        if (await TurnAsync<AdminProblem?>(
            async () =>
            {
                if (!await db.Users.AnyAsync(user => user.Id == userId, cancellationToken))
                {
                    return AdminProblem.NotFound("user", userId);
                }

                if (role != AdminRole.Owner && await IsLastOwnerAsync(userId, cancellationToken))
                {
                    return LastOwner;
                }

                was = await TakeAsync(userId, cancellationToken);
                db.AdministratorRoles.Add(new AdministratorRole { UserId = userId, Role = name, GrantedAt = now, GrantedBy = by.Name });
                await db.SaveChangesAsync(cancellationToken);
                return null;
            },
            cancellationToken) is { } refused)
        {
            return refused;
        }

        db.ChangeTracker.Clear();
        await record.WriteAsync(by, (SecurityEvent.Success("admin_role_granted") with { Subject = userId, Reason = name }).Changing(("role", was, name)));
        return await GetAsync(userId, cancellationToken);
    }

    /// <summary>Takes the role that somebody was given.</summary>
    public async Task<AdminProblem?> RevokeAsync(Operator by, string userId, CancellationToken cancellationToken)
    {
        string? was = null;
        if (await TurnAsync(
            async () => await IsLastOwnerAsync(userId, cancellationToken) ? LastOwner
                : (was = await TakeAsync(userId, cancellationToken)) is null ? AdminProblem.NotFound("role", userId)
                : null,
            cancellationToken) is { } refused)
        {
            return refused;
        }

        await RecordTakenAsync(by, userId, was!);
        return null;
    }

    /// <summary>Takes somebody's row away, in a <see cref="TurnAsync"/>.</summary>
    /// <returns>Which role it was; null: none.</returns>
    public async Task<string?> TakeAsync(string userId, CancellationToken cancellationToken)
    {
        var was = await db.AdministratorRoles.Where(row => row.UserId == userId).Select(row => row.Role).FirstOrDefaultAsync(cancellationToken);
        await db.AdministratorRoles.Where(row => row.UserId == userId).ExecuteDeleteAsync(cancellationToken);
        return was;
    }

    /// <summary>Records that somebody's role was taken.</summary>
    public Task RecordTakenAsync(Operator by, string userId, string was) =>
        record.WriteAsync(by, (SecurityEvent.Success("admin_role_revoked") with { Subject = userId }).Changing(("role", was, null)));

    /// <summary>Whether without this person nobody would be an owner who may sign in: who runs the machine can make another, over the network nobody could.</summary>
    public async Task<bool> IsLastOwnerAsync(string userId, CancellationToken cancellationToken) =>
        options.Value.Owners.Count == 0 && await db.AdministratorRoles.AnyAsync(row => row.UserId == userId && row.Role == "owner", cancellationToken) &&
        !await db.AdministratorRoles.AnyAsync(row => row.UserId != userId && row.Role == "owner" && db.Users.Any(user => user.Id == row.UserId && user.DisabledAt == null), cancellationToken);

    /// <summary>Something that hangs on who is an owner: one after the other on all nodes, in a transaction, so that of two owners who end each other at once one stays.</summary>
    public Task<T> TurnAsync<T>(Func<Task<T>> work, CancellationToken cancellationToken) => db.WriteAsync(
        async () =>
        {
            await using var transaction = await db.BeginExclusiveAsync("roles", cancellationToken);
            var result = await work();
            await transaction.CommitAsync(cancellationToken);
            return result;
        },
        cancellationToken);

    public static AdminProblem LastOwner => AdminProblem.Conflict("last_owner", "This is the only owner. Make somebody else an owner first.");

    private static IEnumerable<RoleHolder> OfSettings(AdminRole role, IEnumerable<string> entries) =>
        entries.Select(entry => new RoleHolder(AdminRoles.NameOf(role), "settings", entry, null, null, null, null, null));
}
