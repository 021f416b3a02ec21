using System.CommandLine;
using McpIdentity.Server.Administration;
using McpIdentity.Server.Administration.Api;
using McpIdentity.Server.Settings;

namespace McpIdentity.Server.Commands;

/// <summary><c>clients tokens create|list|revoke</c>: the initial access tokens, with which clients may be registered (RFC 7591 §3).</summary>
internal static class ClientTokensCommand
{
    private static readonly Argument<string> Name = new("name") { Description = "Whom the token is for, in your words." };

    public static Command Create() => new("tokens", "The initial access tokens that you hand to those who may register clients.")
    {
        CreateToken(), List(), Revoke(),
    };

    private static Command CreateToken()
    {
        var expires = new Option<string?>("--expires") { Description = "After which time it registers nothing more: 12h, 30d. Default: never." };
        var uses = new Option<int?>("--uses") { Description = "How many clients it may register. Default: any number." };
        var verb = CommandLine.AdminVerb("create", "Makes a token, and shows it this once.", "clients tokens create build-team --expires 30d --uses 10", async (parsed, access) =>
        {
            var lifetime = parsed.GetValue(expires) is { } text ? Durations.Parse(text) : null;
            if ((parsed.GetValue(expires) is not null && lifetime is not { Ticks: > 0 }) || parsed.GetValue(uses) is < 1)
            {
                await Console.Error.WriteLineAsync($"--expires is a time such as {Durations.Forms}, and --uses is 1 or more.");
                return ExitCode.Usage;
            }

            var (made, problem) = await access.SendAsync<InitialAccessTokenShown>("create_initial_access_token", new NewInitialAccessToken(parsed.GetRequiredValue(Name), parsed.GetValue(expires), parsed.GetValue(uses)));
            if (problem is not null)
            {
                return await Refusal.SayAsync(problem);
            }

            if (Table.IsJson(parsed))
            {
                await Table.WriteOneAsync(parsed, ("id", parsed.GetRequiredValue(Name)), ("done", "created"), ("token", made!.Token));
            }
            else
            {
                Console.WriteLine(made!.Token);
            }

            await Console.Error.WriteLineAsync("Clients are registered with it as a bearer token. It is shown this once: the server keeps a hash.");
            return 0;
        }).With(expires).With(uses).With(Table.Output);
        verb.Arguments.Add(Name);
        return verb;
    }

    private static Command List() => CommandLine.AdminVerb("list", "Lists the tokens, the newest first.", "clients tokens list", async (parsed, access) =>
    {
        var (tokens, problem) = await access.ListAsync<InitialAccessTokenView>("list_initial_access_tokens");
        if (problem is not null)
        {
            return await Refusal.SayAsync(problem);
        }

        await Table.WriteAsync(parsed, tokens!.OrderByDescending(token => token.CreatedAt).ToList(),
            new("name", token => token.Name), new("state", token => token.State), new("uses", token => token.Uses), new("of", token => token.MaxUses),
            new("created", token => token.CreatedAt), new("expires", token => token.ExpiresAt), new("last used", token => token.LastUsedAt));
        return 0;
    }).With(Table.Output);

    private static Command Revoke()
    {
        var verb = CommandLine.AdminVerb("revoke", "Ends a token. What it has registered stays.", "clients tokens revoke build-team", async (parsed, access) =>
        {
            var name = parsed.GetRequiredValue(Name).Trim();
            return await access.RemoveAsync("revoke_initial_access_token", ("token_name", name)) is { } problem
                ? await Refusal.SayAsync(problem)
                : await Table.WriteDoneAsync(parsed, name, "revoked", $"revoked: {CommandLine.Printable(name)}");
        });
        verb.Arguments.Add(Name);
        return verb.With(Table.Output);
    }
}
