using System.CommandLine;
using McpIdentity.Server.Administration;
using McpIdentity.Server.Roles;

namespace McpIdentity.Server.Commands;

/// <summary><c>admin</c>: who administers this server. Whoever may run it here can always make an owner.</summary>
internal static class AdminCommand
{
    private static readonly Argument<string> Who = new("user") { Description = "The identifier that 'users list' shows, the e-mail address, or the name." };

    private const string OnlyHere = "whoever has this machine makes owners; elsewhere an owner who has just signed in gives roles, in the console";

    private static readonly Option<string> Role = new("--role") { Description = "owner, operator, auditor or helpdesk.", DefaultValueFactory = _ => "owner" };

    public static Command Create()
    {
        Role.AcceptOnlyFromAmong("owner", "operator", "auditor", "helpdesk");
        var grant = CommandLine.StorageVerb("grant", "Gives somebody a role who has signed in before.", "admin grant anna@example.com --role auditor", GrantAsync, onlyHere: OnlyHere).With(Role).With(Table.Output);
        var revoke = CommandLine.StorageVerb("revoke", "Takes the role that somebody was given.", "admin revoke anna@example.com", RevokeAsync, onlyHere: OnlyHere).With(Table.Output);
        grant.Add(Who);
        revoke.Add(Who);
        return new("admin", "Who administers this server.")
        {
            CommandLine.StorageVerb("list", "Lists who has which role, by the settings and by what was granted.", "admin list -o json", ListAsync, onlyHere: OnlyHere).With(Table.Output),
            grant,
            revoke,
            CommandLine.StorageVerb("setup-link", "Makes a link that makes whoever opens it and signs in an owner, once, within half an hour.", "admin setup-link", LinkAsync, onlyHere: OnlyHere).With(Table.Output),
        };
    }

    private static async Task<int> ListAsync(ParseResult parsed, IServiceProvider services, CancellationToken cancellationToken)
    {
        await Table.WriteAsync(parsed, await services.GetRequiredService<RoleActs>().ListAsync(cancellationToken),
            new("role", holder => holder.Role), new("user", holder => holder.UserId), new("e-mail", holder => holder.Email), new("name", holder => holder.Name),
            new("setting", holder => holder.Entry), new("since", holder => holder.GrantedAt), new("by", holder => holder.GrantedBy));
        return 0;
    }

    private static Task<int> GrantAsync(ParseResult parsed, IServiceProvider services, CancellationToken cancellationToken) => ForOneAsync(parsed, services, async userId =>
    {
        var granted = await services.GetRequiredService<RoleActs>().GrantAsync(Operator.OfThisMachine, userId, AdminRoles.Parse(parsed.GetRequiredValue(Role))!.Value, cancellationToken);
        return granted.Problem is { } problem ? problem : $"{granted.Value!.Role}: {granted.Value.Email ?? granted.Value.Name} ({userId})";
    }, cancellationToken);

    private static Task<int> RevokeAsync(ParseResult parsed, IServiceProvider services, CancellationToken cancellationToken) => ForOneAsync(parsed, services, async userId =>
        await services.GetRequiredService<RoleActs>().RevokeAsync(Operator.OfThisMachine, userId, cancellationToken) is { } problem
            ? problem.Code == "role_not_found" ? new AdminProblem(problem.Code, problem.Status, "Nobody has given them a role. What Admin:Owners and its like say, only the settings take away.") : problem
            : $"revoked: {userId}", cancellationToken);

    private static async Task<int> ForOneAsync(ParseResult parsed, IServiceProvider services, Func<string, Task<Outcome<string>>> act, CancellationToken cancellationToken)
    {
        var (user, unknown) = await ByName.UserAsync(new LocalAccess(services, cancellationToken), parsed.GetRequiredValue(Who));
        var outcome = unknown is null ? await act(user!.UserId) : unknown;
        if (outcome.Problem is { } problem)
        {
            return await Refusal.SayAsync(problem);
        }

        return await Table.WriteDoneAsync(parsed, user!.UserId, parsed.CommandResult.Command.Name == "grant" ? "granted" : "revoked", CommandLine.Printable(outcome.Value));
    }

    private static async Task<int> LinkAsync(ParseResult parsed, IServiceProvider services, CancellationToken cancellationToken)
    {
        var links = services.GetRequiredService<SetupLinks>();
        if (!links.MayTravel)
        {
            await Console.Error.WriteLineAsync("Server:PublicBaseUrl is http: everybody on the way could read the link, and become the owner. Use https.");
            return ExitCode.Failed;
        }

        var link = await links.CreateAsync(Operator.OfThisMachine);
        if (Table.IsJson(parsed))
        {
            await Table.WriteOneAsync(parsed, ("link", link));
        }
        else
        {
            Console.WriteLine(link);
        }

        await Console.Error.WriteLineAsync("Whoever opens it and signs in is an owner. It works once, for half an hour.");
        return 0;
    }
}
