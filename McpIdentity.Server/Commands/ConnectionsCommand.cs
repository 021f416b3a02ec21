using System.CommandLine;
using McpIdentity.Server.Administration;
using McpIdentity.Server.Administration.Api;

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
        return CommandLine.AdminVerb("list", "Lists the accounts that people have connected.", "connections list --user alice@example.com", async (parsed, access) =>
        {
            var (connections, problem) = await access.ListAsync<ConnectionView>("list_connections", ("user", parsed.GetValue(user)), ("server", parsed.GetValue(server)));
            if (problem is not null)
            {
                return await Refusal.SayAsync(problem);
            }

            await Table.WriteAsync(parsed, connections!,
                new("server", row => row.Server), new("user", row => row.UserId), new("e-mail", row => row.Email), new("scope", row => row.Scope),
                new("connected", row => row.ConnectedAt), new("refreshed", row => row.RefreshedAt));
            return 0;
        }, server: RemoteOptions.At).With(user).With(server).With(Table.Output);
    }

    private static Command Remove()
    {
        var who = new Argument<string>("user") { Description = "The identifier that users list shows, the e-mail address, or the name." };
        var verb = CommandLine.AdminVerb("remove", "Deletes a person's account at a server. They are asked to connect it anew.", "connections remove alice@example.com notes", async (parsed, access) =>
        {
            var (user, unknown) = await ByName.UserAsync(access, parsed.GetRequiredValue(who));
            var server = parsed.GetRequiredValue(Server);
            return (unknown ?? await access.RemoveAsync("remove_connection", ("user_id", user!.UserId), ("server_name", server))) is { } problem
                ? await Refusal.SayAsync(problem)
                : await Table.WriteDoneAsync(parsed, user!.UserId, "removed", $"removed: the account of {CommandLine.Printable(user.Email ?? user.UserId)} at {CommandLine.Printable(server)}");
        });
        verb.Add(who);
        verb.Add(Server);
        return verb.With(Table.Output);
    }

    private static Command ForgetClient()
    {
        var verb = CommandLine.AdminVerb(
            "forget-client", "Forgets how this server has registered itself at a server's authorization server: it registers anew with the next person who connects. Accounts that are connected stay.",
            "connections forget-client notes", async (parsed, access) =>
            {
                var (forgotten, problem) = await access.CallAsync<ForgottenClient>("forget_client", ("server_name", parsed.GetRequiredValue(Server)));
                return problem is null ? await Table.WriteDoneAsync(parsed, forgotten!.Server, "forgotten", $"forgotten: the registration for {CommandLine.Printable(forgotten.Server)}") : await Refusal.SayAsync(problem);
            });
        verb.Add(Server);
        return verb.With(Table.Output);
    }
}
