using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.IdentityModel.Tokens;

namespace McpIdentity.Tests.Support;

/// <summary>
/// GitHub's MCP server and the authorization server of its accounts, as they have been seen to answer, on loopback: the addresses have the same
/// paths, there is no registration and no revocation endpoint, an app's tokens do not expire, and a refused code is a 200 with an <c>error</c>.
/// </summary>
internal sealed class StandInGitHub : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly ConcurrentDictionary<string, (string Challenge, string Account)> _codes = new();
    private readonly ConcurrentDictionary<string, string> _tokens = new();
    private int _made;

    private StandInGitHub(WebApplication app) => _app = app;

    public string McpUrl => _app.Urls.First() + "/mcp/";

    public string Issuer => _app.Urls.First() + "/login/oauth";

    /// <summary>The OAuth app that an operator made there.</summary>
    public required string ClientId { get; init; }

    public required string ClientSecret { get; set; }

    public required string Callback { get; init; }

    /// <summary>Who is signed in there at the browser.</summary>
    public string Account { get; set; } = "octocat";

    /// <summary>It is a GitHub App: tokens live for eight hours, and are refreshed once with what came beside them.</summary>
    public bool Expires { get; set; }

    public ConcurrentDictionary<string, string> RefreshTokens { get; } = new();

    /// <summary>The tools, by name: whether they only read, whether they may destroy, and what they say.</summary>
    public Dictionary<string, (bool Reads, bool Destroys, string Says)> Tools { get; } = new()
    {
        ["get_me"] = (true, false, "Who you are"),
        ["list_issues"] = (true, false, "The issues of a repository"),
        ["create_issue"] = (false, false, "Opens an issue"),
        ["delete_file"] = (false, true, "Deletes a file"),
    };

    public ConcurrentQueue<IReadOnlyDictionary<string, string>> Authorizations { get; } = [];

    public static async Task<StandInGitHub> StartAsync(string clientId, string clientSecret, string callback)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrel().UseUrls($"http://127.0.0.1:{Ports.Next()}");
        builder.Services.AddRouting();
        var github = new StandInGitHub(builder.Build()) { ClientId = clientId, ClientSecret = clientSecret, Callback = callback };
        var app = github._app;
        app.Map("/mcp", github.ServeAsync);
        app.Map("/.well-known/oauth-protected-resource/mcp", context => context.Response.WriteAsJsonAsync(new
        {
            resource = github.McpUrl,
            authorization_servers = new[] { github.Issuer },
            scopes_supported = new[] { "repo", "read:org", "gist" },
        }));
        app.Map("/.well-known/oauth-authorization-server/login/oauth", context => context.Response.WriteAsJsonAsync(new
        {
            issuer = github.Issuer,
            authorization_endpoint = github.Issuer + "/authorize",
            token_endpoint = github.Issuer + "/access_token",
            response_types_supported = new[] { "code" },
            grant_types_supported = new[] { "authorization_code", "refresh_token" },
            code_challenge_methods_supported = new[] { "S256" },
        }));
        app.Map("/login/oauth/authorize", github.Authorize);
        app.Map("/login/oauth/access_token", github.GiveTokenAsync);
        await app.StartAsync();
        return github;
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private Task Authorize(HttpContext context)
    {
        var asked = context.Request.Query.ToDictionary(part => part.Key, part => part.Value.ToString());
        Authorizations.Enqueue(asked);
        if (asked["client_id"] != ClientId || asked["redirect_uri"] != Callback)
        {
            context.Response.StatusCode = 404;
            return context.Response.WriteAsync("The redirect_uri is not associated with this application.");
        }

        var code = $"code-{Interlocked.Increment(ref _made)}";
        _codes[code] = (asked["code_challenge"], Account);
        context.Response.Redirect(QueryHelpers.AddQueryString(Callback, new Dictionary<string, string?> { ["code"] = code, ["state"] = asked["state"], ["iss"] = Issuer }));
        return Task.CompletedTask;
    }

    private async Task GiveTokenAsync(HttpContext context)
    {
        var form = (await context.Request.ReadFormAsync()).ToDictionary(part => part.Key, part => part.Value.ToString());
        var basic = "Basic " + Convert.ToBase64String(Encoding.ASCII.GetBytes($"{ClientId}:{ClientSecret}"));
        object answer = context.Request.Headers.Authorization != basic && (form.GetValueOrDefault("client_id"), form.GetValueOrDefault("client_secret")) != (ClientId, ClientSecret)
            ? new { error = "incorrect_client_credentials" }
            : form["grant_type"] == "refresh_token"
            ? RefreshTokens.TryRemove(form["refresh_token"], out var owner) ? NewTokens(owner) : new { error = "bad_refresh_token" }
            : !_codes.TryRemove(form["code"], out var code) ||
                code.Challenge != Base64UrlEncoder.Encode(SHA256.HashData(Encoding.ASCII.GetBytes(form["code_verifier"])))
            ? new { error = "bad_verification_code" }
            : NewTokens(code.Account);
        await context.Response.WriteAsJsonAsync(answer);
    }

    private object NewTokens(string account)
    {
        var number = Interlocked.Increment(ref _made);
        _tokens[$"gho_{account}{number}"] = account;
        if (!Expires)
        {
            return new { access_token = $"gho_{account}{number}", scope = "repo,read:org", token_type = "bearer" };
        }

        RefreshTokens[$"ghr_{number}"] = account;
        return new { access_token = $"gho_{account}{number}", expires_in = 28800, refresh_token = $"ghr_{number}", refresh_token_expires_in = 15897600, scope = "", token_type = "bearer" };
    }

    private async Task ServeAsync(HttpContext context)
    {
        var shown = context.Request.Headers.Authorization.ToString();
        if (!shown.StartsWith("Bearer ", StringComparison.Ordinal) || !_tokens.TryGetValue(shown["Bearer ".Length..], out var account))
        {
            context.Response.StatusCode = 401;
            context.Response.Headers.WWWAuthenticate = $"Bearer error=\"invalid_request\", resource_metadata=\"{_app.Urls.First()}/.well-known/oauth-protected-resource/mcp/\"";
            return;
        }

        var call = (await JsonNode.ParseAsync(context.Request.Body))!;
        if (call["id"] is null)
        {
            context.Response.StatusCode = 202;
            return;
        }

        object? result = call["method"]!.ToString() switch
        {
            "initialize" => new { protocolVersion = "2025-11-25", capabilities = new { tools = new { } }, serverInfo = new { name = "github-mcp-server", version = "stand-in" } },
            "tools/list" => new
            {
                tools = Tools.Select(tool => new
                {
                    name = tool.Key,
                    description = tool.Value.Says,
                    inputSchema = new { type = "object" },
                    annotations = new { readOnlyHint = tool.Value.Reads, destructiveHint = tool.Value.Destroys },
                }),
            },
            "tools/call" => new { content = new[] { new { type = "text", text = $"{call["params"]!["name"]} by {account}" } } },
            _ => null,
        };
        await context.Response.WriteAsJsonAsync<object>(result is null
            ? new { jsonrpc = "2.0", id = call["id"], error = new { code = -32601, message = "Method not found" } }
            : new { jsonrpc = "2.0", id = call["id"], result });
    }
}
