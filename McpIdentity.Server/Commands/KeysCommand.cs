using System.CommandLine;
using McpIdentity.Mcp.Audit;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Keys;

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

    private static Command List() => CommandLine.StorageVerb("list", "Lists the keys: next, current, previous, retired.", "keys list -o json", async (parsed, services, cancellationToken) =>
    {
        await WriteAsync(parsed, await services.GetRequiredService<SigningKeyStore>().ReadAsync(cancellationToken), services);
        return 0;
    }).With(Table.Output);

    private static Command Rotate()
    {
        var verb = CommandLine.StorageVerb("rotate", "Adds a key that will sign; the others verify until their tokens have expired.", "keys rotate --now", async (parsed, services, cancellationToken) =>
        {
            if (parsed.GetValue(EndOthers) && !await Confirmation.AskAsync(parsed, "Every token that was signed until now ends, and every client must refresh or sign in."))
            {
                return 2;
            }

            await services.GetRequiredService<NodeRegister>().AgreeAsync(cancellationToken); // a key that no server can read would end signing
            var lead = parsed.GetValue(Now) || parsed.GetValue(EndOthers) ? SigningKeyStore.ShortestLead : SigningKeyStore.Lead;
            var keys = await services.GetRequiredService<SigningKeyStore>().RotateAsync(lead, parsed.GetValue(EndOthers), cancellationToken);
            await services.RecordActAsync(SecurityEvent.Success("keys_rotated") with { Reason = parsed.GetValue(EndOthers) ? "all others end" : null });
            await WriteAsync(parsed, keys, services);
            return 0;
        });
        verb.Options.Add(Now);
        verb.Options.Add(EndOthers);
        return verb.With(Table.Output).With(Confirmation.Yes);
    }

    private static Task WriteAsync(ParseResult parsed, List<SigningKey> stored, IServiceProvider services)
    {
        var now = services.GetRequiredService<TimeProvider>().GetUtcNow();
        return Table.WriteAsync(parsed, stored.OrderByDescending(key => key.ActivatesAt).ToList(),
            new("kid", key => key.Id), new("alg", key => key.Algorithm), new("state", key => SigningKeyState.WordFor(key, stored, now)),
            new("created", key => key.CreatedAt), new("signs from", key => key.ActivatesAt), new("ends", key => key.RetiresAt));
    }
}
