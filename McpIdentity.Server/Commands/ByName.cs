using McpIdentity.Migrations;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Administration;
using OpenIddict.EntityFrameworkCore.Models;

namespace McpIdentity.Server.Commands;

/// <summary>Finds what an operator names (<see cref="OperatorNames"/>); where that is nobody, or several, the verb ends there.</summary>
internal static class ByName
{
    /// <summary>A person, by identifier, e-mail address or name.</summary>
    /// <exception cref="VerbFailure">There is none, or there are several.</exception>
    public static async Task<User> UserAsync(McpIdentityDbContext db, string wanted, CancellationToken cancellationToken) =>
        Only(await OperatorNames.UsersAsync(db, wanted, cancellationToken), "user", wanted, user => $"{user.Id}  {user.Provider}  {user.Email} {user.Name}");

    /// <summary>A client, by <c>client_id</c> or name.</summary>
    /// <inheritdoc cref="UserAsync" path="/exception"/>
    public static async Task<OpenIddictEntityFrameworkCoreApplication> ClientAsync(McpIdentityDbContext db, string wanted, CancellationToken cancellationToken) =>
        Only(await OperatorNames.ClientsAsync(db, wanted, cancellationToken), "client", wanted, client => $"{client.ClientId}  {client.DisplayName}");

    private static T Only<T>(List<T> found, string kind, string wanted, Func<T, string> describe)
        where T : class => found switch
        {
            [var only] => only,
            [] => throw new VerbFailure(ExitCode.NotFound, $"There is no {kind} {CommandLine.Printable(wanted)}. '{kind}s list' shows who there is."),
            _ => throw new VerbFailure(ExitCode.Usage, $"Several {kind}s are called {CommandLine.Printable(wanted)}; name one by its identifier:\n{string.Join('\n', found.Select(one => CommandLine.Printable(describe(one))))}"),
        };
}
