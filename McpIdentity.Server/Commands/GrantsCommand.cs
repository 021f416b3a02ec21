using System.CommandLine;
using McpIdentity.Server.Administration;
using McpIdentity.Server.Administration.Api;

namespace McpIdentity.Server.Commands;

/// <summary><c>grants</c>: what people have granted to clients, and how to end it. A running server hears of it within a second.</summary>
internal static class GrantsCommand
{
    private static readonly Option<string?> User = new("--user") { Description = "Only those of one person: identifier, e-mail address or name." };
    private static readonly Option<string?> Client = new("--client") { Description = "Only those to one client: client_id or name." };
    private static readonly Option<string?> Resource = new("--resource") { Description = "Only those for one MCP server: the audience of their tokens." };

    public static Command Create() => new("grants", "Lists and ends what people have granted to clients.") { List(), Revoke(), RevokeAll() };

    private static Command List() => CommandLine.AdminVerb("list", "Lists the grants that live, the newest first.", "grants list --user alice@example.com", async (parsed, access) =>
    {
        var (grants, problem) = await access.ListAsync<GrantView>("list_grants", ("user", parsed.GetValue(User)), ("client", parsed.GetValue(Client)), ("resource", parsed.GetValue(Resource)));
        if (problem is not null)
        {
            return await Refusal.SayAsync(problem);
        }

        await Table.WriteAsync(parsed, grants!,
            new("grant", grant => grant.Id), new("user", grant => grant.UserId), new("e-mail", grant => grant.Email), new("client_id", grant => grant.ClientId),
            new("client name", grant => grant.ClientName), new("session", grant => grant.SessionId), new("granted", grant => grant.GrantedAt),
            new("last refresh", grant => grant.RefreshedAt), new("until", grant => grant.ExpiresAt), new("resource", grant => grant.Resource), new("scopes", grant => grant.Scopes));
        return ExitCode.Ok;
    }).With(User).With(Client).With(Resource).With(Table.Output);

    private static Command Revoke()
    {
        var id = new Argument<string>("grant") { Description = "The identifier that list shows, the oi_au_id of the grant's access tokens." };
        var revoke = CommandLine.AdminVerb("revoke", "Ends one grant: its refresh token and its access tokens.", "grants revoke 7kq2ZkQ0TqWm1yqI1m3u5A", async (parsed, access) =>
        {
            var name = parsed.GetRequiredValue(id);
            var problem = await access.RemoveAsync("revoke_grant", ("grant_id", name));
            return problem is null ? await Table.WriteDoneAsync(parsed, name, "revoked", $"Grant {name} has ended.") : await Refusal.SayAsync(problem);
        });
        revoke.Add(id);
        return revoke.With(Table.Output);
    }

    private static Command RevokeAll() => CommandLine.AdminVerb(
        "revoke-all", "Ends all grants of a person, to a client, for an MCP server, or of what is common to them.", "grants revoke-all --client \"Claude Code\" --yes", async (parsed, access) =>
        {
            var chosen = new RevokeGrants(parsed.GetValue(User), parsed.GetValue(Client), parsed.GetValue(Resource));
            if (chosen != new RevokeGrants() && !await Confirmation.AskAsync(parsed, "All grants of this selection end, and each client has to ask its person anew."))
            {
                return ExitCode.Usage;
            }

            var (ended, problem) = await access.SendAsync<Ended>("revoke_grants", chosen);
            return problem is null ? await Table.WriteDoneAsync(parsed, null, "revoked", $"{ended!.Count} grants have ended.", ended.Count) : await Refusal.SayAsync(problem);
        }).With(User).With(Client).With(Resource).With(Confirmation.Yes).With(Table.Output);
}
