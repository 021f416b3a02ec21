using System.CommandLine;
using McpIdentity.Server.Administration;

namespace McpIdentity.Server.Commands;

/// <summary><c>connections</c>: who has connected their own account at which server behind this one, and how to end it.</summary>
internal static class ConnectionsCommand
{
    private static readonly Argument<string> Server = new("server") { Description = "The name of the server in Gateway:Servers." };

    public static Command Create() => new("connections", "Lists and ends people's own accounts at servers behind this one.") { List(), Remove(), ForgetClient() };

    private static Command List()
    {
        var user = new Option<string?>("--user") { Description = "Only those of one person: identifier, e-mail address or name." };
        var server = new Option<string?>("--server") { Description = "Only those at one server." };
        return CommandLine.StorageVerb("list", "Lists the accounts that people have connected.", "connections list --user alice@example.com", async (parsed, services, cancellationToken) =>
        {
            var (page, problem) = await services.GetRequiredService<ConnectionActs>().ListAsync(parsed.GetValue(user), parsed.GetValue(server), Slice.All, cancellationToken);
            if (problem is not null)
            {
                return await Refusal.SayAsync(problem);
            }

            await Table.WriteAsync(parsed, page!.Items,
                new("server", row => row.Server), new("user", row => row.UserId), new("e-mail", row => row.Email), new("scope", row => row.Scope),
                new("connected", row => row.ConnectedAt), new("refreshed", row => row.RefreshedAt));
            return 0;
        }).With(user).With(server).With(Table.Output);
    }

    private static Command Remove()
    {
        var who = new Argument<string>("user") { Description = "The identifier that users list shows, the e-mail address, or the name." };
        var verb = CommandLine.StorageVerb("remove", "Deletes a person's account at a server. They are asked to connect it anew.", "connections remove alice@example.com notes", async (parsed, services, cancellationToken) =>
        {
            var (removed, problem) = await services.GetRequiredService<ConnectionActs>().RemoveAsync(Operator.OfThisMachine, parsed.GetRequiredValue(who), parsed.GetRequiredValue(Server), cancellationToken);
            return problem is null ? await Table.WriteDoneAsync(parsed, removed!.UserId, "removed", $"removed: the account of {CommandLine.Printable(removed.Email ?? removed.UserId)} at {CommandLine.Printable(removed.Server)}") : await Refusal.SayAsync(problem);
        });
        verb.Add(who);
        verb.Add(Server);
        return verb.With(Table.Output);
    }

    private static Command ForgetClient()
    {
        var verb = CommandLine.StorageVerb(
            "forget-client", "Forgets how this server has registered itself at a server's authorization server: it registers anew with the next person who connects. Accounts that are connected stay.",
            "connections forget-client notes", async (parsed, services, cancellationToken) =>
            {
                var (server, problem) = await services.GetRequiredService<ConnectionActs>().ForgetClientAsync(Operator.OfThisMachine, parsed.GetRequiredValue(Server), cancellationToken);
                return problem is null ? await Table.WriteDoneAsync(parsed, server, "forgotten", $"forgotten: the registration for {CommandLine.Printable(server)}") : await Refusal.SayAsync(problem);
            });
        verb.Add(Server);
        return verb.With(Table.Output);
    }
}
