using McpIdentity.Mcp.Audit;
using McpIdentity.Migrations;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Administration.Api;
using McpIdentity.Server.Federation;
using McpIdentity.Server.Policy;
using McpIdentity.Server.Revocation;
using McpIdentity.Server.Roles;
using McpIdentity.Server.Sessions;
using Microsoft.EntityFrameworkCore;

namespace McpIdentity.Server.Administration;

/// <summary>Somebody who has signed in, as one provider knows them.</summary>
/// <param name="UserId">The sub of their tokens.</param>
/// <param name="Email">Their e-mail address.</param>
/// <param name="EmailVerified">Whether the provider has verified it.</param>
/// <param name="Name">Their name.</param>
/// <param name="Provider">The sign-in provider.</param>
/// <param name="ProviderSubject">The provider's own identifier of them.</param>
/// <param name="Status">enabled or disabled.</param>
/// <param name="CreatedAt">When they first signed in.</param>
/// <param name="LastSignInAt">When they last did.</param>
/// <param name="DisabledAt">Since when they may not sign in.</param>
internal sealed record UserView(
    string UserId, string? Email, bool EmailVerified, string? Name, string Provider, string ProviderSubject, string Status, DateTimeOffset CreatedAt, DateTimeOffset LastSignInAt, DateTimeOffset? DisabledAt)
{
    public static UserView Of(User user) => new(
        user.Id, user.Email, user.EmailVerified, user.Name, user.Provider, user.ProviderSubject, user.DisabledAt is null ? "enabled" : "disabled", user.CreatedAt, user.LastSignInAt, user.DisabledAt);
}

/// <summary>The same with what follows from it.</summary>
/// <param name="User">Who it is.</param>
/// <param name="Groups">The groups that the policy finds them in.</param>
/// <param name="Role">What they may do here: owner, operator, auditor, helpdesk.</param>
/// <param name="Sessions">How many browsers they are signed in with.</param>
/// <param name="Grants">How many accesses of apps are good.</param>
[ChangesByUse("user.last_sign_in_at", "sessions", "grants")]
internal sealed record UserDetails(UserView User, IReadOnlyList<string> Groups, string? Role, int Sessions, int Grants);

/// <summary>Which people a list shall have.</summary>
/// <param name="Text">A part of the user, e-mail address or name, in any case.</param>
/// <param name="Status">enabled or disabled.</param>
/// <param name="Provider">The sign-in provider.</param>
/// <param name="Called">Whom an operator means by it (<see cref="OperatorNames"/>).</param>
/// <param name="ByCreation">Who came first is the first, instead of who signed in last.</param>
internal sealed record UserFilter(string? Text, string? Status, string? Provider, string? Called = null, bool ByCreation = false);

/// <summary>What operators do with people. A running server hears of it within a second.</summary>
internal sealed class UserActs(
    McpIdentityDbContext db, ISessionStorage storage, SignInSessions sessions, ConnectionActs connections, Revocations revocations, AdminRoles roles, RoleActs holders, PolicyDecisions policy, OperatorRecord record, TimeProvider time)
{
    /// <summary>Those of a filter, who signed in last first; or who came first.</summary>
    public async Task<AdminPage<UserView>> ListAsync(UserFilter filter, Slice slice, CancellationToken cancellationToken)
    {
        var query = db.Users.AsNoTracking();
#pragma warning disable CA1304, CA1311, CA1862 // EF Core translates these, and no comparison that is named
        if (filter.Text is { } wanted && wanted.ToLowerInvariant() is var text)
        {
            query = query.Where(user => user.Id == wanted || user.Email!.ToLower().Contains(text) || user.Name!.ToLower().Contains(text));
        }
#pragma warning restore CA1304, CA1311, CA1862

        if (filter.Called is { } called)
        {
            string[] ids = [.. (await OperatorNames.UsersAsync(db, called, cancellationToken)).Select(user => user.Id)];
            query = query.Where(user => ids.Contains(user.Id));
        }

        query = filter.Provider is { } provider ? query.Where(user => user.Provider == provider) : query;
        query = filter.Status is { } status ? query.Where(user => (user.DisabledAt == null) == (status == "enabled")) : query;
        if (MomentKey.Parse(slice.After) is var (at, id))
        {
            query = filter.ByCreation
                ? query.Where(user => user.CreatedAt > at || (user.CreatedAt == at && string.Compare(user.Id, id) > 0))
                : query.Where(user => user.LastSignInAt < at || (user.LastSignInAt == at && string.Compare(user.Id, id) > 0));
        }

        var sorted = filter.ByCreation ? query.OrderBy(user => user.CreatedAt) : query.OrderByDescending(user => user.LastSignInAt);
        var read = await sorted.ThenBy(user => user.Id).Take(slice.OneMore).ToListAsync(cancellationToken);
        return slice.Of<UserView>([.. read.Select(UserView.Of)], view => new MomentKey(filter.ByCreation ? view.CreatedAt : view.LastSignInAt, view.UserId).ToString());
    }

    public async Task<Outcome<UserDetails>> GetAsync(string userId, CancellationToken cancellationToken)
    {
        if (await db.Users.AsNoTracking().FirstOrDefaultAsync(user => user.Id == userId, cancellationToken) is not { } user)
        {
            return AdminProblem.NotFound("user", userId);
        }

        var now = time.GetUtcNow();
        var person = new VouchedPerson(user.Id, user.Provider, user.Email, user.EmailVerified) { Groups = SaidGroups.Parse(user.Groups) };
        return new UserDetails(
            UserView.Of(user),
            [.. policy.CallerOf(person, clientId: null).Groups.Order(StringComparer.OrdinalIgnoreCase)],
            await roles.FindAsync(person, cancellationToken) is { } role ? AdminRoles.NameOf(role) : null,
            (await storage.ListOfAsync(userId, cancellationToken)).Count(session => session.SignedInUntil > now),
            await db.Grants.CountAsync(grant => grant.UserId == userId && grant.RevokedAt == null && grant.ExpiresAt > now, cancellationToken));
    }

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
        return await GetAsync(userId, cancellationToken);
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
        return await GetAsync(userId, cancellationToken);
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
