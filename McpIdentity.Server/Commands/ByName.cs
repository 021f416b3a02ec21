using McpIdentity.Migrations;
using McpIdentity.Migrations.Entities;
using Microsoft.EntityFrameworkCore;
using OpenIddict.EntityFrameworkCore.Models;

namespace McpIdentity.Server.Commands;

/// <summary>
/// Finds what an operator names: by its identifier, or by what people call it. An identifier wins; a name that several have
/// is refused with the list of them.
/// </summary>
internal static class ByName
{
    private const int MaxListed = 10;

#pragma warning disable CA1862 // EF Core translates ToLower, and no comparison that is named
    /// <summary>A person, by identifier, e-mail address or name.</summary>
    public static async Task<User?> UserAsync(McpIdentityDbContext db, string wanted, CancellationToken cancellationToken) =>
        await OnlyUserAsync(await UsersAsync(db, wanted, cancellationToken), wanted);

    /// <summary>All who can be meant.</summary>
    public static async Task<List<User>> UsersAsync(McpIdentityDbContext db, string wanted, CancellationToken cancellationToken)
    {
        var lower = Lower(wanted);
        var found = await db.Users.Where(user => user.Id == wanted).ToListAsync(cancellationToken);
        found = found.Count > 0 ? found : await db.Users.Where(user => user.Email!.ToLower() == lower).OrderBy(user => user.Id).Take(MaxListed).ToListAsync(cancellationToken);
        return found.Count > 0 ? found : await db.Users.Where(user => user.Name!.ToLower() == lower).OrderBy(user => user.Id).Take(MaxListed).ToListAsync(cancellationToken);
    }

    /// <summary>The only one; else says on standard error that there is none, or which there are.</summary>
    public static Task<User?> OnlyUserAsync(List<User> found, string wanted) => OnlyAsync(found, "user", wanted, user => $"{user.Id}  {user.Provider}  {user.Email} {user.Name}");

    /// <summary>A client, by <c>client_id</c> or name.</summary>
    public static async Task<OpenIddictEntityFrameworkCoreApplication?> ClientAsync(McpIdentityDbContext db, string wanted, CancellationToken cancellationToken) =>
        await OnlyAsync(await ClientsAsync(db, wanted, cancellationToken), "client", wanted, client => $"{client.ClientId}  {client.DisplayName}");

    /// <summary>All clients that can be meant.</summary>
    public static async Task<List<OpenIddictEntityFrameworkCoreApplication>> ClientsAsync(McpIdentityDbContext db, string wanted, CancellationToken cancellationToken)
    {
        var lower = Lower(wanted);
        var found = await db.Clients.Where(client => client.ClientId == wanted).ToListAsync(cancellationToken);
        return found.Count > 0 ? found : await db.Clients.Where(client => client.DisplayName!.ToLower() == lower).OrderBy(client => client.ClientId).Take(MaxListed).ToListAsync(cancellationToken);
    }
#pragma warning restore CA1862

    private static string Lower(string text) => text.Trim().ToLowerInvariant();

    private static async Task<T?> OnlyAsync<T>(List<T> found, string kind, string wanted, Func<T, string> describe)
        where T : class
    {
        if (found is [var only])
        {
            return only;
        }

        await Console.Error.WriteLineAsync(found.Count == 0
            ? $"There is no {kind} {CommandLine.Printable(wanted)}. '{kind}s list' shows who there is."
            : $"Several {kind}s are called {CommandLine.Printable(wanted)}; name one by its identifier:");
        found.ForEach(one => Console.Error.WriteLine(CommandLine.Printable(describe(one))));
        return null;
    }
}
