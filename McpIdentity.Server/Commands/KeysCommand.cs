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

    private static Command List() => CommandLine.StorageVerb("list", "Lists the keys: next, current, previous, retired.", async (_, services, cancellationToken) =>
    {
        Write(await services.GetRequiredService<SigningKeyStore>().ReadAsync(cancellationToken), services);
        return 0;
    });

    private static Command Rotate()
    {
        var verb = CommandLine.StorageVerb("rotate", "Adds a key that will sign; the others verify until their tokens have expired.", async (parsed, services, cancellationToken) =>
        {
            await services.GetRequiredService<NodeRegister>().AgreeAsync(cancellationToken); // a key that no server can read would end signing
            var lead = parsed.GetValue(Now) || parsed.GetValue(EndOthers) ? SigningKeyStore.ShortestLead : SigningKeyStore.Lead;
            Write(await services.GetRequiredService<SigningKeyStore>().RotateAsync(lead, parsed.GetValue(EndOthers), cancellationToken), services);
            CommandLine.Record(services, SecurityEvent.Success("keys_rotated"));
            return 0;
        });
        verb.Options.Add(Now);
        verb.Options.Add(EndOthers);
        return verb;
    }

    private static void Write(List<SigningKey> stored, IServiceProvider services)
    {
        var now = services.GetRequiredService<TimeProvider>().GetUtcNow();
        Console.WriteLine($"{"kid",-22}  {"alg",-5}  {"state",-8}  {"created",-20}  {"signs from",-20}  ends");
        foreach (var key in stored.OrderByDescending(key => key.ActivatesAt))
        {
            Console.WriteLine(string.Join("  ",
                $"{key.Id,-22}", $"{key.Algorithm,-5}", $"{SigningKeyState.WordFor(key, stored, now),-8}",
                CommandLine.Moment(key.CreatedAt), CommandLine.Moment(key.ActivatesAt), CommandLine.Moment(key.RetiresAt)));
        }
    }
}
