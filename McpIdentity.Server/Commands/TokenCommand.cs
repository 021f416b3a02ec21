using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Serialization;
using McpIdentity.Server.Administration;
using McpIdentity.Server.Administration.Api;
using McpIdentity.Server.Gateway;
using McpIdentity.Server.Keys;
using McpIdentity.Server.Persistence;
using McpIdentity.Server.Revocation;

namespace McpIdentity.Server.Commands;

/// <summary><c>token</c>: makes tokens to test with, and says what is wrong with one. Tokens go to stdout, words to stderr.</summary>
internal static class TokenCommand
{
    private static readonly Option<string?> Kind = new("--kind") { Description = "oauth: an access token of this server. jwt: signed with Jwt:Secret. Default: what Mcp:Auth:AuthType accepts." };
    private static readonly Option<string> Subject = new("--sub", "--user") { Description = "The claim sub.", DefaultValueFactory = _ => "test-user" };
    private static readonly Option<string?> Email = new("--email") { Description = "The claim email." };
    private static readonly Option<string> Client = new("--client") { Description = "The claim client_id of an access token.", DefaultValueFactory = _ => "token-mint" };
    private static readonly Option<string[]> Scopes = new("--scope") { Description = "Scopes, separated by spaces.", DefaultValueFactory = _ => ["mcp mcp:call"] };
    private static readonly Option<string?> Audience = new("--audience", "--resource") { Description = "The claim aud. Default: what the MCP endpoint expects." };
    private static readonly Option<string?> Ttl = new("--ttl") { Description = "How long it lives: 90, 90s, 5m, 1h. Default: an hour, or OAuth:AccessTokenLifetime where that is shorter." };
    private static readonly Option<bool> IKnow = new("--i-know") { Description = "Makes a token outside Development too: whoever has it is let in." };

    private static readonly JsonSerializerOptions Indented = new(JsonSerializerOptions.Web) { WriteIndented = true, PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull, Converters = { new UtcMoments() } };

    public static Command Create() => new("token", "Makes access tokens to test with, and looks into one.") { Mint(), Inspect() };

    private static Command Mint()
    {
        Kind.AcceptOnlyFromAmong("oauth", "jwt");
        var verb = CommandLine.Verb(
            "mint", "Makes a token for tests.", "token mint --sub alice --scope \"mcp mcp:call\" --ttl 5m", async (parsed, settings, cancellationToken) =>
            {
                using var remote = await RemoteAccess.OpenAsync(parsed, cancellationToken, IKnow); // what is known better is known on the machine
                if (remote is not null)
                {
                    return await MintElsewhereAsync(parsed, remote);
                }

                await using var app = CommandLine.Build(settings);
                await using var scope = app.Services.CreateAsyncScope();
                var minting = scope.ServiceProvider.GetRequiredService<TokenMinting>();
                var order = OrderOf(parsed);
                var request = new MintRequest(order.Kind, order.Subject, order.Email, order.Client, order.Scope.Split(' ', StringSplitOptions.RemoveEmptyEntries), order.Resource, order.Ttl, parsed.GetValue(IKnow));
                if (minting.Check(request) is { } refusal)
                {
                    return await Refusal.SayAsync(refusal); // before anything is opened
                }

                await app.Services.MigrateOnStartAsync(cancellationToken);
                if (minting.KindOf(request) == TokenMinting.OAuth)
                {
                    await LoadKeysAsync(app.Services, cancellationToken);
                }

                var (minted, problem) = await minting.MintAsync(Operator.OfThisMachine, request);
                return problem is null ? await WriteAsync(parsed, minted!.Token, minted.Kind, minted.Lifetime, order) : await Refusal.SayAsync(problem);
            });
        foreach (var option in new Option[] { Kind, Subject, Email, Client, Scopes, Audience, Ttl, IKnow, RemoteOptions.Server, RemoteOptions.TokenFile, Table.Output })
        {
            verb.Options.Add(option);
        }

        return verb;
    }

    // In Development, there as here.
    private static async Task<int> MintElsewhereAsync(ParseResult parsed, RemoteAccess remote)
    {
        var order = OrderOf(parsed);
        var (minted, problem) = await remote.SendAsync<TokenShown>("mint_token", order);
        return problem is null ? await WriteAsync(parsed, minted!.Token, minted.Kind, TimeSpan.FromSeconds(minted.ExpiresIn), order) : await Refusal.SayAsync(problem);
    }

    private static MintToken OrderOf(ParseResult parsed) => new(
        parsed.GetValue(Subject)!, parsed.GetValue(Client)!, string.Join(' ', parsed.GetValue(Scopes)!), parsed.GetValue(Kind), parsed.GetValue(Email), parsed.GetValue(Audience), parsed.GetValue(Ttl));

    private static async Task<int> WriteAsync(ParseResult parsed, string token, string kind, TimeSpan lifetime, MintToken order)
    {
        var scopes = order.Scope.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        if (Table.IsJson(parsed))
        {
            await Table.WriteOneAsync(parsed, ("kind", kind), ("token", token), ("subject", order.Subject), ("scopes", scopes), ("lifetime", lifetime.ToString()));
        }
        else
        {
            Console.WriteLine(token);
        }

        return Say(0, $"{(kind == TokenMinting.OAuth ? "An access token" : "A JWT")} for '{order.Subject}' with '{string.Join(' ', scopes)}', good for {lifetime}.");
    }

    private static Command Inspect() => CommandLine.AdminVerb(
        "inspect", "Says whose a token is, for what, and whether it is good: a JWT, decoded; a refresh token, a code or an initial access token of this server.", "token inspect eyJ… (or the token on stdin)",
        async (parsed, access) =>
        {
            // A token on the command line stays in the shell's history; on stdin it does not. No token begins with a dash.
            var token = CommandLine.WordsOf(parsed).FirstOrDefault() ?? (await Console.In.ReadToEndAsync()).Trim();
            if (token.Length == 0)
            {
                return Say(ExitCode.Usage, "Which token? Name it after the verb, or send it on stdin.");
            }

            var (found, problem) = await access.SendAsync<TokenView>("look_up_token", new ShownToken(token));
            if (problem is not null)
            {
                return await Refusal.SayAsync(problem);
            }

            // Without its signature the token is of no use to who reads this over a shoulder or in a ticket.
            Console.WriteLine(JsonSerializer.Serialize(found, Indented));
            return found!.Accepted ? ExitCode.Ok : ExitCode.Failed;
        },
        takesWord: true, prepare: LoadKeysAsync).With(Table.Output); // it is JSON either way

    // Not what a start does with the configured clients and sessions: this shell may not have the server's whole configuration.
    private static async Task LoadKeysAsync(IServiceProvider services, CancellationToken cancellationToken)
    {
        await services.LoadKeysAsync(cancellationToken);
        await services.GetRequiredService<RevocationFeed>().LoadAsync(cancellationToken);
        await services.LoadStoredServersAsync(cancellationToken); // whose tokens are judged by what they would say
    }

    private static int Say(int exitCode, string words)
    {
        Console.Error.WriteLine(words);
        return exitCode;
    }
}
