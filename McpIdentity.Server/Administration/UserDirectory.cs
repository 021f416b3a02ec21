using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Administration.Api;
using McpIdentity.Server.Federation;
using McpIdentity.Server.Persistence;
using McpIdentity.Server.Policy;
using McpIdentity.Server.Roles;
using McpIdentity.Server.Sessions;

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

/// <summary>The people as operators see them: listed, and one of them. What is done with them is in <see cref="UserActs"/>.</summary>
internal sealed class UserDirectory(PreparedSql sql, People people, ISessionStorage storage, AdminRoles roles, PolicyDecisions policy, TimeProvider time)
{
    private const string Select = $"""SELECT {People.Columns} FROM "Users" p""";

    private const string CountGrants = """SELECT COUNT(*) FROM "Grants" WHERE "UserId" = $1 AND "RevokedAt" IS NULL AND "ExpiresAt" > $2""";

    /// <summary>Those of a filter, who signed in last first; or who came first.</summary>
    public async Task<AdminPage<UserView>> ListAsync(UserFilter filter, Slice slice, CancellationToken cancellationToken)
    {
        var query = new ListQuery(Select);
        if (filter.Text is { } text)
        {
            var part = ListQuery.Containing(text.ToLowerInvariant());
            query.Where($"""p."Id" = {text} OR lower(p."Email") LIKE {part} ESCAPE '\' OR lower(p."Name") LIKE {part} ESCAPE '\'""");
        }

        if (filter.Called is { } called)
        {
            query.WhereIn("p.\"Id\"", [.. (await OperatorNames.UsersAsync(sql, called, cancellationToken)).Select(user => user.Id)]);
        }

        if (filter.Provider is { } provider)
        {
            query.Where($"""p."Provider" = {provider}""");
        }

        if (filter.Status is { } status)
        {
            query.Where(status == "enabled" ? $"""p."DisabledAt" IS NULL""" : (FormattableString)$"""p."DisabledAt" IS NOT NULL""");
        }

        if (MomentKey.Parse(slice.After) is var (at, id))
        {
            query.Where(filter.ByCreation
                ? $"""p."CreatedAt" > {at} OR (p."CreatedAt" = {at} AND p."Id" > {id})"""
                : (FormattableString)$"""p."LastSignInAt" < {at} OR (p."LastSignInAt" = {at} AND p."Id" > {id})""");
        }

        query.Then(filter.ByCreation
            ? $""" ORDER BY p."CreatedAt", p."Id" LIMIT {slice.OneMore}"""
            : (FormattableString)$""" ORDER BY p."LastSignInAt" DESC, p."Id" LIMIT {slice.OneMore}""");
        var read = await sql.ListAsync(query, row => UserView.Of(People.Read(sql, row, 0)), cancellationToken);
        return slice.Of(read, view => new MomentKey(filter.ByCreation ? view.CreatedAt : view.LastSignInAt, view.UserId).ToString());
    }

    /// <summary>The only one whom an operator means (<see cref="OperatorNames"/>).</summary>
    public async Task<Outcome<UserView>> NamedAsync(string wanted, CancellationToken cancellationToken)
    {
        var (user, problem) = await OperatorNames.UserAsync(sql, wanted, cancellationToken);
        return problem is null ? UserView.Of(user!) : problem;
    }

    public async Task<Outcome<UserDetails>> GetAsync(string userId, CancellationToken cancellationToken)
    {
        if (await people.ReadAsync(userId, cancellationToken) is not { } user)
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
            (await sql.ListAsync(CountGrants, [userId, now], row => (int)row.GetInt64(0), cancellationToken))[0]);
    }
}
