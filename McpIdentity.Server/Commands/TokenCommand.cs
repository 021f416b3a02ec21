using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;
using McpIdentity.Mcp;
using McpIdentity.Mcp.Audit;
using McpIdentity.Server.Keys;
using McpIdentity.Server.Persistence;
using McpIdentity.Server.Revocation;
using McpIdentity.Server.Settings;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.JsonWebTokens;

namespace McpIdentity.Server.Commands;

/// <summary><c>token</c>: makes tokens to test with, and says what is wrong with one. Tokens go to stdout, words to stderr.</summary>
internal static class TokenCommand
{
    private const int Failed = 1;
    private const int Usage = 2;

    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

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
                if (!app.Environment.IsDevelopment() && !parsed.GetValue(iKnow))
                {
                    return Say(Failed, $"token mint is for Development; this is {app.Environment.EnvironmentName}. With --i-know it is done all the same.");
                }

                var longest = app.Services.GetRequiredService<IOptions<OAuthServerOptions>>().Value.AccessTokenLifetime;
                var isJwt = (parsed.GetValue(kind) ?? (IsForJwts(app) ? "jwt" : "oauth")) == "jwt";
                if (TokenMint.ParseLifetime(parsed.GetValue(ttl), isJwt ? TimeSpan.FromDays(1) : longest) is not { } lifetime)
                {
                    return Say(Usage, $"--ttl must be a time such as 90s, 5m or 1h, and at most {(isJwt ? "24h" : $"OAuth:AccessTokenLifetime ({longest})")}.");
                }

                var order = new TokenOrder(
                    parsed.GetValue(subject)!, parsed.GetValue(email), parsed.GetValue(client)!,
                    [.. parsed.GetValue(scopes)!.SelectMany(words => words.Split(' ', StringSplitOptions.RemoveEmptyEntries))],
                    parsed.GetValue(audience), lifetime);
                if (isJwt && string.IsNullOrEmpty(app.Services.GetRequiredService<IOptions<ExternalJwtOptions>>().Value.Secret))
                {
                    return Say(Failed, "Jwt:Secret (JWT_SECRET) is not set: there is nothing to sign a JWT with.");
                }

                if (!isJwt && !app.Services.GetRequiredService<ServerSettings>().OAuth.Enabled)
                {
                    return Say(Failed, "OAuth:Enabled is false: this server signs no access tokens.");
                }

                var token = isJwt ? await MintJwtAsync(app, order, cancellationToken) : await MintOwnAsync(app, order, cancellationToken);
                // Before anybody has it.
                await app.Services.RecordActAsync(SecurityEvent.Success("token_minted") with { Subject = order.Subject, ClientId = order.Client, Scope = string.Join(' ', order.Scopes), AuthMethod = isJwt ? "jwt" : "oauth" });
                Console.WriteLine(token);
                return Say(0, $"{(isJwt ? "A JWT" : "An access token")} for '{order.Subject}' with '{string.Join(' ', order.Scopes)}', good for {lifetime}.");
            });
        foreach (var option in new Option[] { kind, subject, email, client, scopes, audience, ttl, iKnow })
        {
            verb.Options.Add(option);
        }

        return verb;
    }

    private static Command Inspect() => CommandLine.Verb(
        "inspect", "Decodes a token and says what the MCP endpoint thinks of it.", "token inspect eyJ… (or the token on stdin)",
        async (_, settings, cancellationToken) =>
        {
            // A token on the command line stays in the shell's history; on stdin it does not. No token begins with a dash.
            var token = settings.FirstOrDefault(setting => !setting.StartsWith('-')) ?? (await Console.In.ReadToEndAsync(cancellationToken)).Trim();
            if (token.Length == 0)
            {
                return Say(Usage, "Which token? Name it after the verb, or send it on stdin.");
            }

            if (!TryRead(token, out var jwt))
            {
                return Say(Failed, "This is no JWT. Refresh tokens and authorization codes of this server are opaque: only it can read them.");
            }

            await using var app = CommandLine.Build([.. settings.Where(setting => setting.StartsWith('-'))]);
            await PrepareAsync(app, cancellationToken);
            var problem = await app.Services.FindFlawAsync(token, cancellationToken);
            // Without its signature the token is of no use to who reads this over a shoulder or in a ticket.
            Console.WriteLine(new JsonObject
            {
                ["header"] = Part(jwt.EncodedHeader),
                ["claims"] = Part(jwt.EncodedPayload),
                ["expires_at"] = jwt.ValidTo == DateTime.MinValue ? null : jwt.ValidTo.ToString("u"),
                ["accepted"] = problem is null,
                ["problem"] = problem,
            }.ToJsonString(Indented));
            return problem is null ? 0 : Failed;
        },
        takesWord: true);

    private static async Task<string> MintOwnAsync(WebApplication app, TokenOrder order, CancellationToken cancellationToken)
    {
        await PrepareAsync(app, cancellationToken);
        return TokenMint.AccessToken(app.Services, order);
    }

    private static async Task<string> MintJwtAsync(WebApplication app, TokenOrder order, CancellationToken cancellationToken)
    {
        // Nothing of a JWT is in the database but the record that it was made.
        await app.Services.MigrateOnStartAsync(cancellationToken);
        return TokenMint.Jwt(app.Services, order);
    }

    // Not what a start does with the configured clients and sessions: this shell may not have the server's whole configuration.
    private static async Task PrepareAsync(WebApplication app, CancellationToken cancellationToken)
    {
        await app.Services.MigrateOnStartAsync(cancellationToken);
        await app.Services.LoadKeysAsync(cancellationToken);
        await app.Services.GetRequiredService<RevocationFeed>().LoadAsync(cancellationToken);
    }

    private static bool IsForJwts(WebApplication app) => app.Services.GetRequiredService<IOptions<McpOptions>>().Value.Auth.AuthType == McpAuthType.Jwt;

    private static bool TryRead(string token, out JsonWebToken jwt)
    {
        jwt = null!;
        try
        {
            var handler = new JsonWebTokenHandler();
            jwt = handler.CanReadToken(token) ? handler.ReadJsonWebToken(token) : null!;
            return jwt is { IsEncrypted: false };
        }
        catch (ArgumentException)
        {
            return false;
        }
    }

    private static JsonNode? Part(string encoded) => JsonNode.Parse(Microsoft.IdentityModel.Tokens.Base64UrlEncoder.Decode(encoded));

    private static int Say(int exitCode, string words)
    {
        Console.Error.WriteLine(words);
        return exitCode;
    }
}
