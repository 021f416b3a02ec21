using McpIdentity.Server.Administration;

namespace McpIdentity.Server.Commands;

/// <summary>Finds what an operator names (<see cref="OperatorNames"/>); where that is nobody, or several, the verb ends there.</summary>
internal static class ByName
{
    /// <summary>A person, by identifier, e-mail address or name.</summary>
    /// <exception cref="VerbFailure">There is none, or there are several.</exception>
    public static async Task<Outcome<UserView>> UserAsync(AdminAccess access, string wanted) =>
        Only(await access.ListAsync<UserView>("list_users", ("called", wanted)), "user", wanted, user => $"{user.UserId}  {user.Provider}  {user.Email} {user.Name}");

    /// <summary>A client, by <c>client_id</c> or name.</summary>
    /// <inheritdoc cref="UserAsync" path="/exception"/>
    public static async Task<Outcome<ClientView>> ClientAsync(AdminAccess access, string wanted) =>
        Only(await access.ListAsync<ClientView>("list_clients", ("called", wanted), ("deleted", "true"), ("sort", "client_id")), "client", wanted, client => $"{client.ClientId}  {client.Name}");

    private static Outcome<T> Only<T>(Outcome<IReadOnlyList<T>> found, string kind, string wanted, Func<T, string> describe)
        where T : class => found switch
        {
            { Problem: { } problem } => problem,
            { Value: [var only] } => only,
            { Value: [] } => throw new VerbFailure(ExitCode.NotFound, $"There is no {kind} {CommandLine.Printable(wanted)}. '{kind}s list' shows who there is."),
            _ => throw new VerbFailure(ExitCode.Usage, $"Several {kind}s are called {CommandLine.Printable(wanted)}; name one by its identifier:\n{string.Join('\n', found.Value!.Select(one => CommandLine.Printable(describe(one))))}"),
        };
}
