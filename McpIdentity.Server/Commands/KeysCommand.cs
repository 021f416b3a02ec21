using System.CommandLine;
using McpIdentity.Server.Administration;
using McpIdentity.Server.Administration.Api;

namespace McpIdentity.Server.Commands;

/// <summary><c>keys list|rotate</c>: the signing keys, while servers serve. They read a new key by themselves.</summary>
internal static class KeysCommand
{
    private static readonly Option<bool> Now = new("--now")
    {
        Description = "Sign with it as soon as every node has read it, instead of when other servers' copies of the key set have expired too.",
    };

    private static readonly Option<bool> EndOthers = new("--end-others")
    {
        Description = "For a key that has leaked: all other keys end when the new one begins, and every token that they signed.",
    };

    public static Command Create() => new("keys", "The keys that sign tokens.") { List(), Rotate() };

    private static Command List() => CommandLine.AdminVerb("list", "Lists the keys: next, current, previous, retired.", "keys list -o json", async (parsed, access) =>
        await WriteAsync(parsed, await access.CallAsync<KeyList>("list_keys"))).With(Table.Output);

    private static Command Rotate()
    {
        var verb = CommandLine.AdminVerb("rotate", "Adds a key that will sign; the others verify until their tokens have expired.", "keys rotate --now", async (parsed, access) =>
        {
            if (parsed.GetValue(EndOthers) && !await Confirmation.AskAsync(parsed, "Every token that was signed until now ends, and every client must refresh or sign in."))
            {
                return ExitCode.Usage;
            }

            return await WriteAsync(parsed, await access.SendAsync<KeyList>("rotate_keys", new RotateKeys(parsed.GetValue(Now), parsed.GetValue(EndOthers))));
        });
        verb.Options.Add(Now);
        verb.Options.Add(EndOthers);
        return verb.With(Table.Output).With(Confirmation.Yes);
    }

    private static async Task<int> WriteAsync(ParseResult parsed, Outcome<KeyList> outcome)
    {
        var (list, problem) = outcome;
        if (problem is not null)
        {
            return await Refusal.SayAsync(problem);
        }

        await Table.WriteAsync(parsed, list!.Keys,
            new("kid", key => key.Id), new("alg", key => key.Algorithm), new("state", key => key.State),
            new("created", key => key.CreatedAt), new("signs from", key => key.SignsFrom), new("ends", key => key.EndsAt));
        return ExitCode.Ok;
    }
}
