using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Serialization;
using McpIdentity.Server.Administration;
using McpIdentity.Server.Gateway;
using McpIdentity.Server.Keys;
using McpIdentity.Server.Persistence;
using McpIdentity.Server.Revocation;

namespace McpIdentity.Server.Commands;

/// <summary><c>token</c>: makes tokens to test with, and says what is wrong with one. Tokens go to stdout, words to stderr.</summary>
internal static class TokenCommand
{
    private const int Failed = 1;
    private const int Usage = 2;

    private static readonly JsonSerializerOptions Indented = new(JsonSerializerOptions.Web) { WriteIndented = true, PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull };

    public static Command Create() => new("token", "Makes access tokens to test with, and looks into one.") { Mint(), Inspect() };

    private static Command Mint()
    {
        var kind = new Option<string?>("--kind") { Description = "oauth: an access token of this server. jwt: signed with Jwt:Secret. Default: what Mcp:Auth:AuthType accepts." };
        kind.AcceptOnlyFromAmong("oauth", "jwt");
        var subject = new Option<string>("--sub", "--user") { Description = "The claim sub.", DefaultValueFactory = _ => "test-user" };
        var email = new Option<string?>("--email") { Description = "The claim email." };
        var client = new Option<string>("--client") { Description = "The claim client_id of an access token.", DefaultValueFactory = _ => "token-mint" };
        var scopes = new Option<string[]>("--scope") { Description = "Scopes, separated by spaces.", DefaultValueFactory = _ => ["mcp mcp:call"] };
        var audience = new Option<string?>("--audience", "--resource") { Description = "The claim aud. Default: what the MCP endpoint expects." };
        var ttl = new Option<string?>("--ttl") { Description = "How long it lives: 90, 90s, 5m, 1h. Default: an hour, or OAuth:AccessTokenLifetime where that is shorter." };
        var iKnow = new Option<bool>("--i-know") { Description = "Makes a token outside Development too: whoever has it is let in." };
        var verb = CommandLine.Verb(
            "mint", "Makes a token for tests.", "token mint --sub alice --scope \"mcp mcp:call\" --ttl 5m", async (parsed, settings, cancellationToken) =>
            {
                await using var app = CommandLine.Build(settings);
                await using var scope = app.Services.CreateAsyncScope();
                var minting = scope.ServiceProvider.GetRequiredService<TokenMinting>();
                var request = new MintRequest(
                    parsed.GetValue(kind), parsed.GetValue(subject)!, parsed.GetValue(email), parsed.GetValue(client)!,
                    [.. parsed.GetValue(scopes)!.SelectMany(words => words.Split(' ', StringSplitOptions.RemoveEmptyEntries))],
                    parsed.GetValue(audience), parsed.GetValue(ttl), parsed.GetValue(iKnow));
                if (minting.Check(request) is { } refusal)
                {
                    return await Refusal.SayAsync(refusal); // before anything is opened
                }

                await PrepareAsync(app, withKeys: minting.KindOf(request) == TokenMinting.OAuth, cancellationToken);
                var (minted, problem) = await minting.MintAsync(Operator.OfThisMachine, request);
                if (problem is not null)
                {
                    return await Refusal.SayAsync(problem);
                }

                if (Table.IsJson(parsed))
                {
                    await Table.WriteOneAsync(parsed, ("kind", minted!.Kind), ("token", minted.Token), ("subject", request.Subject), ("scopes", request.Scopes), ("lifetime", minted.Lifetime.ToString()));
                }
                else
                {
                    Console.WriteLine(minted!.Token);
                }

                return Say(0, $"{(minted.Kind == TokenMinting.OAuth ? "An access token" : "A JWT")} for '{request.Subject}' with '{string.Join(' ', request.Scopes)}', good for {minted.Lifetime}.");
            });
        foreach (var option in new Option[] { kind, subject, email, client, scopes, audience, ttl, iKnow, Table.Output })
        {
            verb.Options.Add(option);
        }

        return verb;
    }

    private static Command Inspect() => CommandLine.Verb(
        "inspect", "Says whose a token is, for what, and whether it is good: a JWT, decoded; a refresh token, a code or an initial access token of this server.", "token inspect eyJ… (or the token on stdin)",
        async (_, settings, cancellationToken) =>
        {
            // A token on the command line stays in the shell's history; on stdin it does not. No token begins with a dash.
            var token = settings.FirstOrDefault(setting => !setting.StartsWith('-')) ?? (await Console.In.ReadToEndAsync(cancellationToken)).Trim();
            if (token.Length == 0)
            {
                return Say(Usage, "Which token? Name it after the verb, or send it on stdin.");
            }

            await using var app = CommandLine.Build([.. settings.Where(setting => setting.StartsWith('-'))]);
            await PrepareAsync(app, withKeys: true, cancellationToken);
            await using var scope = app.Services.CreateAsyncScope();
            var (found, problem) = await scope.ServiceProvider.GetRequiredService<TokenActs>().LookUpAsync(token, cancellationToken);
            if (problem is not null)
            {
                return await Refusal.SayAsync(problem);
            }

            // Without its signature the token is of no use to who reads this over a shoulder or in a ticket.
            Console.WriteLine(JsonSerializer.Serialize(found, Indented));
            return found!.Accepted ? 0 : Failed;
        },
        takesWord: true).With(Table.Output); // it is JSON either way

    // Not what a start does with the configured clients and sessions: this shell may not have the server's whole configuration.
    private static async Task PrepareAsync(WebApplication app, bool withKeys, CancellationToken cancellationToken)
    {
        await app.Services.MigrateOnStartAsync(cancellationToken);
        if (withKeys)
        {
            await app.Services.LoadKeysAsync(cancellationToken);
            await app.Services.GetRequiredService<RevocationFeed>().LoadAsync(cancellationToken);
            await app.Services.LoadStoredServersAsync(cancellationToken); // whose tokens are judged by what they would say
        }
    }

    private static int Say(int exitCode, string words)
    {
        Console.Error.WriteLine(words);
        return exitCode;
    }
}
