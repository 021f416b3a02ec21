using McpIdentity.Server.Federation;
using McpIdentity.Server.Persistence;
using McpIdentity.Server.Policy;
using McpIdentity.Server.Sessions;
using McpIdentity.Server.Settings;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Roles;

/// <summary>
/// Which role somebody has: the highest that the settings (<c>Admin</c>) or a row of <c>AdministratorRoles</c> give them. Looked up for each
/// request, so that a role which was taken away ends with the next one; what a provider said of somebody is known for a minute
/// (<see cref="People"/>).
/// </summary>
internal sealed class AdminRoles(IOptions<AdminOptions> options, TrustedProviders trusted, PolicyDecisions policy, PolicyInForce inForce, People people, PreparedSql sql)
{
    private const string Select = """SELECT "Role" FROM "AdministratorRoles" WHERE "UserId" = $1""";

    private const string SelectOwner = """SELECT "UserId" FROM "AdministratorRoles" WHERE "Role" = 'owner' LIMIT 1""";

    private Reduced? _ofSettings;

    /// <summary>Whether the settings name an owner.</summary>
    public bool SettingsNameOwners => options.Value.Owners.Count > 0;

    /// <summary>Whether anybody is an owner, by the settings or by a row.</summary>
    public async ValueTask<bool> AnyOwnerAsync(CancellationToken cancellationToken) =>
        SettingsNameOwners || await sql.ReadAsync(SelectOwner, [], row => row.GetString(0), cancellationToken) is not null;

    /// <returns>Null for who has none, and for who was deleted.</returns>
    public async ValueTask<AdminRole?> FindAsync(string userId, CancellationToken cancellationToken) =>
        await people.FindAsync(userId, cancellationToken) is { } record ? await FindAsync(VouchedPerson.Of(userId, record), cancellationToken) : null;

    /// <inheritdoc cref="FindAsync(string, CancellationToken)"/>
    public async ValueTask<AdminRole?> FindAsync(VouchedPerson person, CancellationToken cancellationToken) =>
        Higher(BySettings(person), person.UserId is null ? null : await ByRowAsync(person.UserId, cancellationToken));

    /// <summary>The role that the settings give, which no verb takes away.</summary>
    public AdminRole? BySettings(VouchedPerson person)
    {
        var address = trusted.CountAddressOf(person) ? person.Email : null;
        var groups = policy.CallerOf(OfSettings, person, clientId: null).Groups;
        return new[]
        {
            (AdminRole.Owner, options.Value.Owners), (AdminRole.Operator, options.Value.Operators), (AdminRole.Auditor, options.Value.Auditors), (AdminRole.Helpdesk, options.Value.Helpdesk),
        }.Where(role => role.Item2.Any(Names)).Select(role => (AdminRole?)role.Item1).FirstOrDefault();

        bool Names(string entry) =>
            entry.StartsWith(AdminOptions.Group, StringComparison.Ordinal) ? groups.Contains(entry[AdminOptions.Group.Length..])
            : entry.Contains('@', StringComparison.Ordinal) ? entry.Equals(address, StringComparison.OrdinalIgnoreCase)
            : entry == person.UserId;
    }

    // What an applied document says of groups does not count: whoever changes the policy would make owners.
    private PolicySet OfSettings
    {
        get
        {
            var (current, known) = (inForce.Current, _ofSettings);
            return known?.Of == current ? known.Set : (_ofSettings = new(current, new PolicySet([.. current.Documents.Where(document => document.Title != PolicyDocument.Stored)]))).Set;
        }
    }

    private async ValueTask<AdminRole?> ByRowAsync(string userId, CancellationToken cancellationToken) =>
        Parse(await sql.ReadAsync(Select, [userId], row => row.GetString(0), cancellationToken));

    /// <summary>The role of such a name; null where there is none.</summary>
    public static AdminRole? Parse(string? name) =>
        Enum.TryParse<AdminRole>(name, ignoreCase: true, out var role) && NameOf(role) == name?.ToLowerInvariant() ? role : null;

    /// <summary>As it is stored and written.</summary>
    public static string NameOf(AdminRole role) => role switch
    {
        AdminRole.Owner => "owner",
        AdminRole.Operator => "operator",
        AdminRole.Auditor => "auditor",
        _ => "helpdesk",
    };

    private static AdminRole? Higher(AdminRole? one, AdminRole? other) => one is null || other > one ? other : one;

    private sealed record Reduced(PolicySet Of, PolicySet Set);
}
