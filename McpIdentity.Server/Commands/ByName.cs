using McpIdentity.Migrations;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Administration;
using OpenIddict.EntityFrameworkCore.Models;

namespace McpIdentity.Server.Commands;

/// <summary>
/// Finds what an operator names (<see cref="OperatorNames"/>), and says on standard error where that is nobody, or several.
/// </summary>
internal static class ByName
{
    /// <summary>A person, by identifier, e-mail address or name.</summary>
    public static async Task<User?> UserAsync(McpIdentityDbContext db, string wanted, CancellationToken cancellationToken) =>
        await OnlyUserAsync(await OperatorNames.UsersAsync(db, wanted, cancellationToken), wanted);

    /// <summary>The only one; else says on standard error that there is none, or which there are.</summary>
    public static Task<User?> OnlyUserAsync(List<User> found, string wanted) => OnlyAsync(found, "user", wanted, user => $"{user.Id}  {user.Provider}  {user.Email} {user.Name}");

    /// <summary>A client, by <c>client_id</c> or name.</summary>
    public static async Task<OpenIddictEntityFrameworkCoreApplication?> ClientAsync(McpIdentityDbContext db, string wanted, CancellationToken cancellationToken) =>
        await OnlyAsync(await OperatorNames.ClientsAsync(db, wanted, cancellationToken), "client", wanted, client => $"{client.ClientId}  {client.DisplayName}");

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
