using System.CommandLine;
using McpIdentity.Mcp.Audit;
using McpIdentity.Migrations;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Clients;
using McpIdentity.Server.Settings;
using Microsoft.EntityFrameworkCore;

namespace McpIdentity.Server.Commands;

/// <summary><c>clients tokens create|list|revoke</c>: the initial access tokens, with which clients may be registered (RFC 7591 §3).</summary>
internal static class ClientTokensCommand
{
    private const int Failed = 1;
    private const int Usage = 2;

    private static readonly Argument<string> Name = new("name") { Description = "Whom the token is for, in your words." };

    public static Command Create() => new("tokens", "The initial access tokens that you hand to those who may register clients.")
    {
        CreateToken(), List(), Revoke(),
    };

    private static Command CreateToken()
    {
        var expires = new Option<string?>("--expires") { Description = "After which time it registers nothing more: 12h, 30d. Default: never." };
        var uses = new Option<int?>("--uses") { Description = "How many clients it may register. Default: any number." };
        var verb = CommandLine.StorageVerb("create", "Makes a token, and shows it this once.", "clients tokens create build-team --expires 30d --uses 10", async (parsed, services, cancellationToken) =>
        {
            var name = parsed.GetRequiredValue(Name).Trim();
            if (name.Length is 0 or > McpIdentityDbContext.Lengths.Name || name.Any(char.IsControl) || name == InitialAccessTokens.Configured)
            {
                return Say(Usage, $"The name must have 1 to {McpIdentityDbContext.Lengths.Name} characters, and '{InitialAccessTokens.Configured}' is that of the token in the settings.");
            }

            var lifetime = parsed.GetValue(expires) is { } text ? Durations.Parse(text) : null;
            if ((parsed.GetValue(expires) is not null && lifetime is not { Ticks: > 0 }) || parsed.GetValue(uses) is < 1)
            {
                return Say(Usage, $"--expires is a time such as {Durations.Forms}, and --uses is 1 or more.");
            }

            var db = services.GetRequiredService<McpIdentityDbContext>();
            if (await db.InitialAccessTokens.AnyAsync(stored => stored.Name == name, cancellationToken))
            {
                return Say(Failed, $"There is or was a token {CommandLine.Printable(name)}; clients that it registered are listed with that name. Choose another.");
            }

            var (token, now) = (InitialAccessTokens.Generate(), services.GetRequiredService<TimeProvider>().GetUtcNow());
            db.InitialAccessTokens.Add(new InitialAccessToken { Id = InitialAccessTokens.HashOf(token), Name = name, CreatedAt = now, ExpiresAt = now + lifetime, MaxUses = parsed.GetValue(uses) });
            await db.SaveChangesAsync(cancellationToken);
            // Before anybody has it.
            await services.RecordActAsync(SecurityEvent.Success("initial_access_token_created") with { Reason = name });
            Console.WriteLine(token);
            return Say(0, $"Clients are registered with it as a bearer token. It is shown this once: the server keeps a hash.");
        }).With(expires).With(uses);
        verb.Arguments.Add(Name);
        return verb;
    }

    private static Command List() => CommandLine.StorageVerb("list", "Lists the tokens, the newest first.", "clients tokens list", async (parsed, services, cancellationToken) =>
    {
        var now = services.GetRequiredService<TimeProvider>().GetUtcNow();
        var tokens = await services.GetRequiredService<McpIdentityDbContext>().InitialAccessTokens.AsNoTracking().OrderByDescending(token => token.CreatedAt).ToListAsync(cancellationToken);
        await Table.WriteAsync(parsed, tokens,
            new("name", token => token.Name), new("state", token => StateOf(token, now)), new("uses", token => token.Uses), new("of", token => token.MaxUses),
            new("created", token => token.CreatedAt), new("expires", token => token.ExpiresAt), new("last used", token => token.LastUsedAt));
        return 0;
    }).With(Table.Output);

    private static Command Revoke()
    {
        var verb = CommandLine.StorageVerb("revoke", "Ends a token. What it has registered stays.", "clients tokens revoke build-team", async (parsed, services, cancellationToken) =>
        {
            var (name, now) = (parsed.GetRequiredValue(Name).Trim(), services.GetRequiredService<TimeProvider>().GetUtcNow());
            var db = services.GetRequiredService<McpIdentityDbContext>();
            var revoked = await db.WriteAsync(
                () => db.InitialAccessTokens.Where(token => token.Name == name && token.RevokedAt == null).ExecuteUpdateAsync(set => set.SetProperty(token => token.RevokedAt, now), cancellationToken),
                cancellationToken);
            if (revoked == 0)
            {
                return Say(Failed, $"There is no token {CommandLine.Printable(name)} that could be revoked. 'clients tokens list' shows which there are.");
            }

            await services.RecordActAsync(SecurityEvent.Success("initial_access_token_revoked") with { Reason = name });
            Console.WriteLine($"revoked: {CommandLine.Printable(name)}");
            return 0;
        });
        verb.Arguments.Add(Name);
        return verb;
    }

    private static string StateOf(InitialAccessToken token, DateTimeOffset now) => token switch
    {
        { RevokedAt: not null } => "revoked",
        _ when token.ExpiresAt <= now => "expired",
        _ when token.Uses >= token.MaxUses => "used up",
        _ => "good",
    };

    private static int Say(int exitCode, string words)
    {
        Console.Error.WriteLine(words);
        return exitCode;
    }
}
