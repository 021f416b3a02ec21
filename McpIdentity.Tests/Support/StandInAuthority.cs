using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.IdentityModel.Tokens;

namespace McpIdentity.Tests.Support;

/// <summary>
/// An MCP server with accounts of its own, and the authorization server of these, on loopback: it agrees at once, rotates refresh tokens, and
/// counts what it is asked. Its only tool says whose token it was called with.
/// </summary>
internal sealed class StandInAuthority : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly ConcurrentDictionary<string, (string Challenge, string Redirect, string ClientId)> _codes = new();
    private readonly ConcurrentDictionary<string, int> _living = new();
    private int _made;
    private int _spent;
    private int _described;

    private StandInAuthority(WebApplication app) => _app = app;

    public string Origin => _app.Urls.First();

    public string McpUrl => Origin + "/mcp";

    public string Issuer => Origin + "/login";

    /// <summary>What of its metadata is another than usual; null takes a member away.</summary>
    public Dictionary<string, JsonNode?> Metadata { get; } = [];

    /// <summary>Which authorization server the MCP server names; null: this one.</summary>
    public string? Trusts { get; set; }

    /// <summary>The <c>iss</c> of its answers; null: none.</summary>
    public string? AnswersAs { get; set; }

    /// <summary>In seconds; 0: it does not say.</summary>
    public int ExpiresIn { get; set; } = 3600;

    /// <summary>What the next requests to the token endpoint are refused with; null: nothing.</summary>
    public string? Refuses { get; set; }

    /// <summary>What the person says there when they are asked: no.</summary>
    public bool Denies { get; set; }

    public ConcurrentQueue<IReadOnlyDictionary<string, string>> Authorizations { get; } = [];

    public ConcurrentQueue<IReadOnlyDictionary<string, string>> TokenRequests { get; } = [];

    public ConcurrentQueue<string> Revoked { get; } = [];

    public ConcurrentQueue<JsonObject> Registrations { get; } = [];

    /// <summary>The credentials of every request, of those too that were refused.</summary>
    public ConcurrentQueue<string> Shown { get; } = [];

    /// <summary>The credentials of every call.</summary>
    public ConcurrentQueue<string> Calls { get; } = [];

    public int Refreshes => TokenRequests.Count(form => form["grant_type"] == "refresh_token");

    /// <summary>What its clients have to show by <c>client_secret_basic</c>; null: nothing.</summary>
    public string? Secret { get; set; }

    /// <summary>Whether its MCP server takes nobody's token.</summary>
    public bool RefusesCalls { get; set; }

    /// <summary>Waited for before its metadata is shown.</summary>
    public Task MetadataGate { get; set; } = Task.CompletedTask;

    /// <summary>Waited for before a request for tokens is looked at; who goes meanwhile has asked for nothing.</summary>
    public Task Gate { get; set; } = Task.CompletedTask;

    /// <summary>Waited for before the answer to a refresh goes out, whose refresh token is spent by then.</summary>
    public Task AnswerGate { get; set; } = Task.CompletedTask;

    /// <summary>How often its metadata was asked for.</summary>
    public int Described => _described;

    /// <summary>How many refreshes have spent a refresh token.</summary>
    public int Spent => _spent;

    public static async Task<StandInAuthority> StartAsync()
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrel().UseUrls($"http://127.0.0.1:{Ports.Next()}");
        builder.Services.AddRouting();
        var authority = new StandInAuthority(builder.Build());
        var app = authority._app;
        app.Map("/mcp", authority.ServeAsync);
        app.Map("/.well-known/oauth-protected-resource/mcp", context => context.Response.WriteAsJsonAsync(
            new { resource = authority.McpUrl, authorization_servers = new[] { authority.Trusts ?? authority.Issuer }, scopes_supported = new[] { "read", "write" } }));
        app.Map("/.well-known/oauth-authorization-server/login", async context =>
        {
            Interlocked.Increment(ref authority._described);
            await authority.MetadataGate.WaitAsync(context.RequestAborted);
            await context.Response.WriteAsync(authority.Describe().ToJsonString());
        });
        app.Map("/login/register", authority.RegisterAsync);
        app.Map("/login/authorize", authority.Authorize);
        app.Map("/login/token", authority.TokenAsync);
        app.Map("/login/revoke", async context =>
        {
            var token = (await context.Request.ReadFormAsync())["token"].ToString();
            authority.Revoked.Enqueue(token);
            authority._living.Clear();
        });
        await app.StartAsync();
        return authority;
    }

    /// <summary>Opens an address that somebody was sent to, and agrees.</summary>
    /// <returns>The address that the browser is sent back to.</returns>
    public static async Task<string> AgreeAsync(Uri address)
    {
        using var http = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false });
        using var answer = await http.GetAsync(address);
        return answer.Headers.Location!.OriginalString;
    }

    /// <summary>As if all access tokens had been ended there.</summary>
    public void ForgetAccess()
    {
        foreach (var token in _living.Keys.Where(token => token.StartsWith("theirs", StringComparison.Ordinal)))
        {
            _living.TryRemove(token, out _);
        }
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private JsonObject Describe()
    {
        var metadata = new JsonObject
        {
            ["issuer"] = Issuer,
            ["authorization_endpoint"] = Issuer + "/authorize",
            ["token_endpoint"] = Issuer + "/token",
            ["revocation_endpoint"] = Issuer + "/revoke",
            ["code_challenge_methods_supported"] = new JsonArray("S256"),
            ["client_id_metadata_document_supported"] = true,
            ["token_endpoint_auth_methods_supported"] = new JsonArray("none", "client_secret_basic"),
        };
        foreach (var (name, value) in Metadata)
        {
            metadata[name] = value?.DeepClone();
        }

        return metadata;
    }

    private async Task ServeAsync(HttpContext context)
    {
        var shown = context.Request.Headers.Authorization.ToString();
        if (shown.Length > 0)
        {
            Shown.Enqueue(shown);
        }

        if (RefusesCalls || !shown.StartsWith("Bearer ", StringComparison.Ordinal) || !_living.ContainsKey(shown["Bearer ".Length..]))
        {
            context.Response.StatusCode = 401;
            context.Response.Headers.WWWAuthenticate = $"Bearer resource_metadata=\"{Origin}/.well-known/oauth-protected-resource/mcp\"";
            return;
        }

        Calls.Enqueue(shown);
        var call = (await JsonNode.ParseAsync(context.Request.Body))!;
        await context.Response.WriteAsJsonAsync(new
        {
            jsonrpc = "2.0",
            id = 7,
            result = call["method"]!.ToString() == "tools/list"
                ? (object)new { tools = new[] { new { name = "whoami", description = "Says who you are.", inputSchema = new { type = "object" } } } }
                : new { content = new[] { new { type = "text", text = shown + string.Concat(((JsonObject)call["params"]!).Select(part => " " + part.Key)) } } },
        });
    }

    private async Task RegisterAsync(HttpContext context)
    {
        var asked = (JsonObject)(await JsonNode.ParseAsync(context.Request.Body))!;
        Registrations.Enqueue(asked);
        context.Response.StatusCode = 201;
        await context.Response.WriteAsJsonAsync(new { client_id = $"dynamic-{Registrations.Count}", redirect_uris = asked["redirect_uris"], token_endpoint_auth_method = asked["token_endpoint_auth_method"] });
    }

    private Task Authorize(HttpContext context)
    {
        var query = context.Request.Query.ToDictionary(part => part.Key, part => part.Value.ToString());
        Authorizations.Enqueue(query);
        if (Denies)
        {
            context.Response.Redirect($"{query["redirect_uri"]}?error=access_denied&state={query["state"]}");
            return Task.CompletedTask;
        }

        var code = $"code-{Interlocked.Increment(ref _made)}";
        _codes[code] = (query["code_challenge"], query["redirect_uri"], query["client_id"]);
        context.Response.Redirect($"{query["redirect_uri"]}?code={code}&state={query["state"]}{(AnswersAs is null ? "" : $"&iss={Uri.EscapeDataString(AnswersAs)}")}");
        return Task.CompletedTask;
    }

    private async Task TokenAsync(HttpContext context)
    {
        var form = (await context.Request.ReadFormAsync()).ToDictionary(part => part.Key, part => part.Value.ToString());
        form["authorization"] = context.Request.Headers.Authorization.ToString();
        TokenRequests.Enqueue(form);
        await Gate.WaitAsync(context.RequestAborted);
        if (Secret is not null && form["authorization"] != "Basic " + Convert.ToBase64String(Encoding.ASCII.GetBytes($"ours:{Secret}")))
        {
            context.Response.StatusCode = 401;
            await context.Response.WriteAsJsonAsync(new { error = "invalid_client" });
            return;
        }

        var isGood = form["grant_type"] == "refresh_token"
            ? _living.TryRemove(form["refresh_token"], out _)
            : _codes.TryRemove(form["code"], out var code) && code.Challenge == Base64UrlEncoder.Encode(SHA256.HashData(Encoding.ASCII.GetBytes(form["code_verifier"]))) && code.Redirect == form["redirect_uri"];
        if (!isGood || Refuses is not null)
        {
            context.Response.StatusCode = Refuses == "server_error" ? 500 : 400;
            await context.Response.WriteAsJsonAsync(new { error = Refuses ?? "invalid_grant" });
            return;
        }

        var number = Interlocked.Increment(ref _made);
        _living[$"theirs-{number}"] = 1;
        _living[$"refresh-{number}"] = 1;
        var answer = new JsonObject { ["access_token"] = $"theirs-{number}", ["refresh_token"] = $"refresh-{number}", ["token_type"] = "Bearer", ["scope"] = "read write" };
        if (ExpiresIn > 0)
        {
            answer["expires_in"] = ExpiresIn;
        }

        if (form["grant_type"] == "refresh_token")
        {
            Interlocked.Increment(ref _spent);
            await AnswerGate.WaitAsync(context.RequestAborted);
        }

        await context.Response.WriteAsync(answer.ToJsonString());
    }
}
