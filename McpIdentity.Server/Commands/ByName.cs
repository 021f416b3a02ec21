using McpIdentity.Migrations;
using McpIdentity.Migrations.Entities;
using Microsoft.EntityFrameworkCore;
using OpenIddict.EntityFrameworkCore.Models;

namespace McpIdentity.Server.Commands;

/// <summary>
/// Finds what an operator names: by its identifier, or by what people call it. An identifier wins; where there is none, or a name that
/// several have, the verb ends there.
/// </summary>
internal static class ByName
{
    private const int MaxListed = 10;

#pragma warning disable CA1862 // EF Core translates ToLower, and no comparison that is named
    /// <summary>A person, by identifier, e-mail address or name.</summary>
    /// <exception cref="VerbFailure">There is none, or there are several.</exception>
    public static async Task<User> UserAsync(McpIdentityDbContext db, string wanted, CancellationToken cancellationToken) =>
        OnlyUser(await UsersAsync(db, wanted, cancellationToken), wanted);

    /// <summary>All who can be meant.</summary>
    public static async Task<List<User>> UsersAsync(McpIdentityDbContext db, string wanted, CancellationToken cancellationToken)
    {
        var lower = Lower(wanted);
        var found = await db.Users.Where(user => user.Id == wanted).ToListAsync(cancellationToken);
        found = found.Count > 0 ? found : await db.Users.Where(user => user.Email!.ToLower() == lower).OrderBy(user => user.Id).Take(MaxListed).ToListAsync(cancellationToken);
        return found.Count > 0 ? found : await db.Users.Where(user => user.Name!.ToLower() == lower).OrderBy(user => user.Id).Take(MaxListed).ToListAsync(cancellationToken);
    }

    /// <summary>The only one.</summary>
    /// <inheritdoc cref="UserAsync" path="/exception"/>
    public static User OnlyUser(List<User> found, string wanted) => Only(found, "user", wanted, user => $"{user.Id}  {user.Provider}  {user.Email} {user.Name}");

    /// <summary>A client, by <c>client_id</c> or name.</summary>
    /// <inheritdoc cref="UserAsync" path="/exception"/>
    public static async Task<OpenIddictEntityFrameworkCoreApplication> ClientAsync(McpIdentityDbContext db, string wanted, CancellationToken cancellationToken)
    {
        var lower = Lower(wanted);
        var found = await db.Clients.Where(client => client.ClientId == wanted).ToListAsync(cancellationToken);
        found = found.Count > 0 ? found : await db.Clients.Where(client => client.DisplayName!.ToLower() == lower).OrderBy(client => client.ClientId).Take(MaxListed).ToListAsync(cancellationToken);
        return Only(found, "client", wanted, client => $"{client.ClientId}  {client.DisplayName}");
    }
#pragma warning restore CA1862

    private static string Lower(string text) => text.Trim().ToLowerInvariant();

    // A name that several have is no identification: nothing is there of which it could be said that it is the one.
    private static T Only<T>(List<T> found, string kind, string wanted, Func<T, string> describe)
        where T : class => found switch
        {
            [var only] => only,
            [] => throw new VerbFailure(ExitCode.NotFound, $"There is no {kind} {CommandLine.Printable(wanted)}. '{kind}s list' shows who there is."),
            _ => throw new VerbFailure(ExitCode.Usage, $"Several {kind}s are called {CommandLine.Printable(wanted)}; name one by its identifier:\n{string.Join('\n', found.Select(one => CommandLine.Printable(describe(one))))}"),
        };
}
