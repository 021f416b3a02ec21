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
/// An MCP server with accounts of its own, and the authorization server of these, on loopback: it agrees at once, knows its clients and what their codes and
/// refresh tokens are for, rotates these, and counts what it is asked. Its only tool says whose token it was called with.
/// </summary>
internal sealed class StandInAuthority : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly ConcurrentDictionary<string, IReadOnlyDictionary<string, string>> _codes = new();
    private readonly ConcurrentDictionary<string, Given> _living = new();
    private readonly ConcurrentDictionary<string, (string Method, string? Secret, string[] Redirects)> _clients = new();
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

    /// <summary>Which it names after that; null: none.</summary>
    public string? TrustsToo { get; set; }

    /// <summary>What the 401 of its MCP server says of where its metadata is; null: where that is.</summary>
    public string? MetadataAt { get; set; }

    /// <summary>The scopes that its 401 names; null: none.</summary>
    public string? Asks { get; set; }

    /// <summary>The scope that every call needs; null: none.</summary>
    public string? Needs { get; set; }

    /// <summary>Whether its 401 says that its body is packed.</summary>
    public bool IsPacked { get; set; }

    /// <summary>Whether everybody may begin a session at its MCP server.</summary>
    public bool LetsBegin { get; set; }

    /// <summary>The sessions that were ended.</summary>
    public ConcurrentQueue<string> Ended { get; } = [];

    /// <summary>The client that somebody has registered by hand.</summary>
    public string ClientId { get; set; } = "ours";

    /// <summary>Its secret.</summary>
    public string Secret { get; set; } = "a secret";

    /// <summary>What it takes as <c>resource</c>, beside nothing; null: the address of its MCP server.</summary>
    public string? Resource { get; set; }

    /// <summary>What it answers registrations with beside the usual; null: it refuses them.</summary>
    public JsonObject? Registers { get; set; } = [];

    /// <summary>Waited for before a registration is answered.</summary>
    public Task RegistrationGate { get; set; } = Task.CompletedTask;

    /// <summary>The <c>iss</c> of its answers; null: none.</summary>
    public string? AnswersAs { get; set; }

    /// <summary>In seconds; 0: it does not say.</summary>
    public int ExpiresIn { get; set; } = 3600;

    /// <summary>Whether it says that in a string.</summary>
    public bool SaysNumbersInStrings { get; set; }

    /// <summary>What the next requests to the token endpoint are refused with; null: nothing.</summary>
    public string? Refuses { get; set; }

    /// <summary>With which status that is; null: with the usual one.</summary>
    public int? RefusesWith { get; set; }

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
            new { resource = authority.McpUrl, authorization_servers = new[] { authority.Trusts ?? authority.Issuer, authority.TrustsToo }.OfType<string>(), scopes_supported = new[] { "read", "write" } }));
        app.Map("/.well-known/oauth-authorization-server/login", async context =>
        {
            Interlocked.Increment(ref authority._described);
            await authority.MetadataGate.WaitAsync(context.RequestAborted);
            await context.Response.WriteAsync(authority.Describe().ToJsonString());
        });
        app.Map("/another-resource", context => context.Response.WriteAsJsonAsync(new { resource = "https://other.example/mcp", authorization_servers = new[] { "https://other.example" } }));
        app.Map("/login/register", authority.RegisterAsync);
        app.Map("/login/authorize", authority.AuthorizeAsync);
        app.Map("/login/token", authority.TokenAsync);
        app.Map("/login/revoke", async context =>
        {
            var form = (await context.Request.ReadFormAsync()).ToDictionary(part => part.Key, part => part.Value.ToString());
            form["authorization"] = context.Request.Headers.Authorization.ToString();
            authority.Revoked.Enqueue(form["token"]);
            if (await authority.AuthenticateAsync(form) is not { } client)
            {
                context.Response.StatusCode = 401;
                return;
            }

            // RFC 7009 §2.1: with all that came of the same consent.
            if (authority._living.TryGetValue(form["token"], out var given) && given.Client == client)
            {
                foreach (var one in authority._living.Where(one => ReferenceEquals(one.Value, given)))
                {
                    authority._living.TryRemove(one.Key, out _);
                }
            }
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

    /// <summary>As if it had taken away what nobody uses.</summary>
    public void ForgetClients() => _clients.Clear();

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
            if (value is null)
            {
                metadata.Remove(name);
            }
            else
            {
                metadata[name] = value.DeepClone();
            }
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
        else if (LetsBegin)
        {
            if (HttpMethods.IsDelete(context.Request.Method))
            {
                Ended.Enqueue(context.Request.Headers["Mcp-Session-Id"].ToString());
            }

            context.Response.Headers["Mcp-Session-Id"] = "a-session";
            return;
        }

        if (RefusesCalls || !shown.StartsWith("Bearer ", StringComparison.Ordinal) || !_living.TryGetValue(shown["Bearer ".Length..], out var given))
        {
            context.Response.StatusCode = 401;
            context.Response.Headers.ContentEncoding = IsPacked ? "gzip" : default;
            context.Response.Headers.WWWAuthenticate =
                $"Bearer resource_metadata=\"{MetadataAt ?? $"{Origin}/.well-known/oauth-protected-resource/mcp"}\"{(Asks is null ? "" : $", scope=\"{Asks}\"")}, error_description=\"no scope=\\\"any\\\"\"";
            return;
        }

        if (Needs is not null && !given.Scope.Split(' ').Contains(Needs))
        {
            context.Response.StatusCode = 403;
            context.Response.Headers.WWWAuthenticate = $"Bearer error=\"insufficient_scope\", scope=\"{Needs}\", resource_metadata=\"{Origin}/.well-known/oauth-protected-resource/mcp\"";
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
        await RegistrationGate.WaitAsync(context.RequestAborted);
        context.Response.StatusCode = Registers is null ? 429 : 201;
        var answer = new JsonObject { ["client_id"] = $"dynamic-{Registrations.Count}", ["redirect_uris"] = asked["redirect_uris"]!.DeepClone(), ["token_endpoint_auth_method"] = asked["token_endpoint_auth_method"]!.DeepClone() };
        foreach (var (name, value) in Registers ?? new JsonObject { ["client_id"] = null, ["error"] = "slow_down" })
        {
            answer[name] = value?.DeepClone();
        }

        if (answer["client_id"] is { } id)
        {
            _clients[id.ToString()] = (answer["token_endpoint_auth_method"]!.ToString(), answer["client_secret"]?.ToString(), [.. asked["redirect_uris"]!.AsArray().Select(uri => uri!.ToString())]);
        }

        await context.Response.WriteAsync(answer.ToJsonString());
    }

    private async Task AuthorizeAsync(HttpContext context)
    {
        var query = context.Request.Query.ToDictionary(part => part.Key, part => part.Value.ToString());
        Authorizations.Enqueue(query);
        // RFC 6749 §4.1.2.1: whoever is not known is sent nowhere.
        if (await ClientOfAsync(query["client_id"]) is not { } client || (client.Redirects.Length > 0 && !client.Redirects.Contains(query["redirect_uri"])))
        {
            context.Response.StatusCode = 400;
            await context.Response.WriteAsync("This app is not known here.");
            return;
        }

        var error = Denies ? "access_denied"
            : query.TryGetValue("resource", out var resource) && resource != (Resource ?? McpUrl) ? "invalid_target"
            : query["code_challenge_method"] != "S256" || query["code_challenge"].Length != 43 || query["response_type"] != "code" ? "invalid_request"
            : null;
        var code = $"code-{Interlocked.Increment(ref _made)}";
        _codes[code] = query;
        context.Response.Redirect($"{query["redirect_uri"]}?{(error is null ? $"code={code}" : $"error={error}")}&state={query["state"]}{(AnswersAs is null ? "" : $"&iss={Uri.EscapeDataString(AnswersAs)}")}");
    }

    private async Task TokenAsync(HttpContext context)
    {
        var form = (await context.Request.ReadFormAsync()).ToDictionary(part => part.Key, part => part.Value.ToString());
        form["authorization"] = context.Request.Headers.Authorization.ToString();
        TokenRequests.Enqueue(form);
        await Gate.WaitAsync(context.RequestAborted);
        var client = await AuthenticateAsync(form);
        var error = Refuses ?? (client is null ? "invalid_client" : null);
        Given? given = null;
        if (error is null)
        {
            given = form["grant_type"] == "refresh_token" ? OfRefreshToken(form, client!) : OfCode(form, client!);
            error = given is null ? "invalid_grant" : form.TryGetValue("resource", out var resource) && resource != (Resource ?? McpUrl) ? "invalid_target" : null;
        }

        if (error is not null)
        {
            context.Response.StatusCode = RefusesWith ?? error switch { "server_error" => 500, "invalid_client" => 401, _ => 400 };
            await context.Response.WriteAsJsonAsync(new { error });
            return;
        }

        var number = Interlocked.Increment(ref _made);
        _living[$"theirs-{number}"] = _living[$"refresh-{number}"] = given!;
        var answer = new JsonObject { ["access_token"] = $"theirs-{number}", ["refresh_token"] = $"refresh-{number}", ["token_type"] = "Bearer", ["scope"] = given!.Scope };
        if (ExpiresIn > 0)
        {
            answer["expires_in"] = SaysNumbersInStrings ? JsonValue.Create($"{ExpiresIn}") : JsonValue.Create(ExpiresIn);
        }

        if (form["grant_type"] == "refresh_token")
        {
            Interlocked.Increment(ref _spent);
            await AnswerGate.WaitAsync(context.RequestAborted);
        }

        await context.Response.WriteAsync(answer.ToJsonString());
    }

    // RFC 6749 §4.1.3, RFC 7636 §4.6, RFC 8707 §2.2: good once, for the client, the address and the resource that it was asked for with.
    private Given? OfCode(Dictionary<string, string> form, string client) =>
        _codes.TryRemove(form["code"], out var asked) && asked["client_id"] == client && asked["redirect_uri"] == form["redirect_uri"] &&
        asked["code_challenge"] == Base64UrlEncoder.Encode(SHA256.HashData(Encoding.ASCII.GetBytes(form["code_verifier"]))) && asked.GetValueOrDefault("resource") == form.GetValueOrDefault("resource")
            ? new Given(client, asked.GetValueOrDefault("scope") ?? "")
            : null;

    // RFC 6749 §6, RFC 9700 §4.14.2.
    private Given? OfRefreshToken(Dictionary<string, string> form, string client) =>
        _living.TryGetValue(form["refresh_token"], out var given) && given.Client == client && _living.TryRemove(form["refresh_token"], out _) ? given : null;

    // RFC 6749 §2.3.1, in the way that the client was registered with and no other.
    private async Task<string?> AuthenticateAsync(Dictionary<string, string> form)
    {
        var (id, secret, method) = (form.GetValueOrDefault("client_id"), form.GetValueOrDefault("client_secret"), form.ContainsKey("client_secret") ? "client_secret_post" : "none");
        if (form["authorization"].StartsWith("Basic ", StringComparison.Ordinal))
        {
            var shown = Encoding.UTF8.GetString(Convert.FromBase64String(form["authorization"]["Basic ".Length..])).Split(':').Select(Uri.UnescapeDataString).ToArray();
            (id, secret, method) = (shown[0], shown[1], "client_secret_basic");
        }

        return id is not null && await ClientOfAsync(id) is { } known && known.Method == method && known.Secret == secret ? id : null;
    }

    private async Task<(string Method, string? Secret, string[] Redirects)?> ClientOfAsync(string id)
    {
        if (id == ClientId)
        {
            return (Describe()["token_endpoint_auth_methods_supported"]?.AsArray().Select(method => method!.ToString()).FirstOrDefault(method => method != "none") ?? "client_secret_basic", Secret, []);
        }

        if (_clients.TryGetValue(id, out var known))
        {
            return known;
        }

        if (!id.StartsWith("http", StringComparison.Ordinal))
        {
            return null;
        }

        using var http = new HttpClient();
        var document = JsonNode.Parse(await http.GetStringAsync(id))!;
        return document["client_id"]!.ToString() != id ? null
            : _clients[id] = (document["token_endpoint_auth_method"]!.ToString(), null, [.. document["redirect_uris"]!.AsArray().Select(uri => uri!.ToString())]);
    }

    private sealed record Given(string Client, string Scope);
}
