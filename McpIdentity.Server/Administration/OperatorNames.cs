using System.Data.Common;
using McpIdentity.Migrations;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Persistence;
using McpIdentity.Server.Sessions;

namespace McpIdentity.Server.Administration;

/// <summary>Finds whom an operator names: by identifier, or by what people call them. An identifier wins; a name that several have names none of them.</summary>
internal static class OperatorNames
{
    private const string Users = $"""SELECT {People.Columns} FROM "Users" p WHERE """;
    private const string Clients = """SELECT "ClientId" FROM "OpenIddictApplications" WHERE """;
    private const string MaxListed = "10";

    // Of the many registrations of one program, or the many people of one name, who was here last is the one that is asked about.
    private const string LastClientsFirst = """ORDER BY COALESCE("LastUsedAt", "RegisteredAt") DESC NULLS LAST, "ClientId" """;
    private const string LastUsersFirst = """ORDER BY p."LastSignInAt" DESC, p."Id" """;

    /// <summary>All people who can be meant, by identifier, e-mail address or name.</summary>
    public static async Task<List<User>> UsersAsync(PreparedSql sql, string wanted, CancellationToken cancellationToken) =>
        StorableText.ForComparison(wanted, McpIdentityDbContext.Lengths.Text) is not { } text ? [] : await FirstFoundAsync(
            sql, [(Users + "p.\"Id\" = $1", text), (Users + $"""lower(p."Email") = $1 {LastUsersFirst} LIMIT {MaxListed}""", Lower(text)), (Users + $"""lower(p."Name") = $1 {LastUsersFirst} LIMIT {MaxListed}""", Lower(text))],
            row => People.Read(sql, row, 0), cancellationToken);

    /// <summary>The <c>client_id</c> of all clients that can be meant, by that or by name.</summary>
    public static async Task<List<string>> ClientsAsync(PreparedSql sql, string wanted, CancellationToken cancellationToken) =>
        StorableText.ForComparison(wanted, McpIdentityDbContext.Lengths.ClientId) is not { } text ? [] : await FirstFoundAsync(
            sql, [(Clients + "\"ClientId\" = $1", text), (Clients + $"""lower("DisplayName") = $1 {LastClientsFirst} LIMIT {MaxListed}""", Lower(text))],
            row => row.GetString(0), cancellationToken);

    /// <summary>The only person of that name.</summary>
    public static async Task<Outcome<User>> UserAsync(PreparedSql sql, string wanted, CancellationToken cancellationToken) =>
        Only(await UsersAsync(sql, wanted, cancellationToken), "user", wanted, user => $"{user.Id} ({user.Provider}, {user.Email ?? user.Name})");

    /// <summary>The <c>client_id</c> of the only client of that name.</summary>
    public static async Task<Outcome<string>> ClientAsync(PreparedSql sql, string wanted, CancellationToken cancellationToken) =>
        Only(await ClientsAsync(sql, wanted, cancellationToken), "client", wanted, clientId => clientId);

    private static async Task<List<T>> FirstFoundAsync<T>(PreparedSql sql, (string Sql, string Value)[] ways, Func<DbDataReader, T> read, CancellationToken cancellationToken)
    {
        foreach (var (statement, value) in ways)
        {
            if (await sql.ListAsync(statement, [value], read, cancellationToken) is { Count: > 0 } found)
            {
                return found;
            }
        }

        return [];
    }

    private static Outcome<T> Only<T>(List<T> found, string kind, string wanted, Func<T, string> describe) =>
        found is [var only] ? only
        : found.Count == 0 ? AdminProblem.NotFound(kind, wanted)
        : AdminProblem.Conflict($"{kind}_ambiguous", $"Several {kind}s are called {wanted}; name one by its identifier: {string.Join(", ", found.Select(describe))}.");

    private static string Lower(string text) => text.Trim().ToLowerInvariant();
}
