using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Clients;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Extensions.Logging;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace McpIdentity.Tests.Support;

/// <summary>
/// Plays an OpenID Connect provider, and GitHub beside it, on a loopback port: with the checks of the real ones, and
/// stricter where they are lenient. The person at the browser is signed in there already.
/// </summary>
internal sealed class StandInProvider : IAsyncDisposable
{
    public const string ClientId = "stand-in-client";
    public const string ClientSecret = "stand-in-secret";

    private readonly WebApplication _app;
    private readonly ConcurrentDictionary<string, Grant> _codes = [];
    private readonly ConcurrentDictionary<string, Grant> _tokens = [];
    private readonly ConcurrentQueue<IReadOnlyDictionary<string, string>> _asked = [];

    private StandInProvider(WebApplication app, string origin) => (_app, Origin) = (app, origin);

    public string Origin { get; }

    /// <summary>The redirect URIs that the operator registered.</summary>
    public HashSet<string> RedirectUris { get; } = [];

    /// <summary>The parameters of every authorization request, in order.</summary>
    public IReadOnlyList<IReadOnlyDictionary<string, string>> Asked => [.. _asked];

    /// <summary>What id_token and userinfo say of the person.</summary>
    public Dictionary<string, object> Claims { get; private set; } = [];

    /// <summary>What GitHub's /user/emails says.</summary>
    public object[] Emails { get; set; } = [];

    /// <summary>Changes each id_token before it is signed.</summary>
    public Action<SecurityTokenDescriptor>? Bend { get; set; }

    /// <summary>Sent back instead of a code.</summary>
    public string? AuthorizationError { get; set; }

    /// <summary>What the token endpoint answers instead of tokens.</summary>
    public IResult? TokenAnswer { get; set; }

    public bool UserInfoIsDown { get; set; }

    /// <summary>By which its tokens are dated.</summary>
    public TimeProvider Clock { get; set; } = TimeProvider.System;

    public StandInKeys Keys { get; } = new();

    /// <summary>How it fails, by path.</summary>
    public IDictionary<string, RequestDelegate> Faults { get; } = new ConcurrentDictionary<string, RequestDelegate>();

    /// <summary>Since when the person at the browser is signed in here; a fresh sign-in moves it.</summary>
    public DateTimeOffset SignedInAt { get; set; }

    /// <summary>Whom the person takes when they are asked which account; null when they have but one.</summary>
    public string? OtherAccount { get; set; }

    /// <summary>Signs nobody in anew, whatever is asked, as a person can bring about who edits the address.</summary>
    public bool IgnoresFreshness { get; set; }

    /// <summary>Does not say when the person signed in, though it must where max_age is asked.</summary>
    public bool HidesAuthTime { get; set; }

    /// <summary>Stands in the discovery document.</summary>
    public string[]? PromptValues { get; set; }

    /// <summary>GitHub, whose addresses are set one by one, played by this one.</summary>
    public string[] SettingsOfGitHub =>
    [
        $"OAuth:GitHubClientId={ClientId}", $"OAuth:GitHubClientSecret={ClientSecret}", $"OAuth:Providers:github:AuthorizationEndpoint={Origin}/authorize",
        $"OAuth:Providers:github:TokenEndpoint={Origin}/token", $"OAuth:Providers:github:UserInfoEndpoint={Origin}/user",
    ];

    /// <summary>The scopes of an access token that it gave; null where it gave no such one.</summary>
    public string[]? ScopesOf(string accessToken) => _tokens.GetValueOrDefault(accessToken)?.Scopes;

    /// <summary>What makes a server offer this one as the provider of that name.</summary>
    public string[] SettingsOf(string id) =>
        [$"OAuth:Providers:{id}:ClientId={ClientId}", $"OAuth:Providers:{id}:ClientSecret={ClientSecret}", $"OAuth:Providers:{id}:Issuer={Origin}"];

    public static async Task<StandInProvider> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        var app = builder.Build();
        var provider = new StandInProvider(app, $"http://localhost:{Ports.Next()}");
        app.Urls.Add(provider.Origin);
        app.Use(async (context, next) => await (provider.Faults.TryGetValue(context.Request.Path, out var fault) ? fault(context) : next(context)));
        app.MapGet("/.well-known/openid-configuration", () => Results.Json(provider.Metadata()));
        app.MapGet("/jwks", provider.Keys.Publish);
        app.MapGet("/authorize", (HttpRequest request) => provider.Authorize(request.Query.ToDictionary(p => p.Key, p => p.Value.ToString())));
        app.MapPost("/token", async (HttpRequest request) => provider.Token(request, await request.ReadFormAsync()));
        app.MapGet("/userinfo", (HttpRequest request) => provider.Answer(request, () => provider.Claims));
        app.MapGet("/user", (HttpRequest request) => provider.Answer(request, () => new { id = 583231, login = "octocat", name = "The Octocat", email = "published@example.net" }));
        app.MapGet("/user/emails", (HttpRequest request) => provider.Answer(request, () => provider.Emails));
        provider.Reset();
        await app.StartAsync();
        return provider;
    }

    /// <summary>Forgets what a test made it do.</summary>
    public void Reset()
    {
        Claims = new Dictionary<string, object> { ["sub"] = "248289761001", ["name"] = "Alice Liddell", ["email"] = "alice@example.com", ["email_verified"] = true };
        Emails =
        [
            new { email = "published@example.net", primary = false, verified = true },
            new { email = "octocat@example.com", primary = true, verified = true },
        ];
        (Bend, AuthorizationError, TokenAnswer, UserInfoIsDown) = (null, null, null, false);
        (OtherAccount, IgnoresFreshness, HidesAuthTime, PromptValues, SignedInAt) = (null, false, false, null, Clock.GetUtcNow());
        Keys.Reset();
        Faults.Clear();
        _asked.Clear();
    }

    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync();
        await _app.DisposeAsync();
    }

    private object Metadata() => new
    {
        prompt_values_supported = PromptValues,
        issuer = Origin,
        authorization_endpoint = Origin + "/authorize",
        token_endpoint = Origin + "/token",
        userinfo_endpoint = Origin + "/userinfo",
        jwks_uri = Origin + "/jwks",
        response_types_supported = new[] { "code", "id_token", "code id_token" },
        response_modes_supported = new[] { "query", "fragment", "form_post" },
        grant_types_supported = new[] { "authorization_code", "refresh_token" },
        subject_types_supported = new[] { "pairwise" },
        id_token_signing_alg_values_supported = new[] { "RS256" },
        token_endpoint_auth_methods_supported = new[] { "client_secret_basic", "client_secret_post" },
    };

    private IResult Authorize(Dictionary<string, string> query)
    {
        _asked.Enqueue(query);
        var scopes = query.GetValueOrDefault("scope")?.Split(' ') ?? [];
        var isOpenId = scopes.Contains("openid");
        var problem = query.GetValueOrDefault("client_id") != ClientId ? "client_id"
            : !RedirectUris.Contains(query.GetValueOrDefault("redirect_uri") ?? "") ? $"redirect_uri {query.GetValueOrDefault("redirect_uri")}"
            : query.GetValueOrDefault("response_type") != "code" ? "response_type"
            : query.GetValueOrDefault("response_mode") is not (null or "query") ? "response_mode"
            : string.IsNullOrEmpty(query.GetValueOrDefault("state")) ? "state"
            : query.GetValueOrDefault("code_challenge_method") != "S256" || query.GetValueOrDefault("code_challenge")?.Length != 43 ? "code_challenge"
            : isOpenId && string.IsNullOrEmpty(query.GetValueOrDefault("nonce")) ? "nonce"
            : null;
        if (problem is not null)
        {
            return Results.Content($"<!doctype html><title>Error</title><h1>Not accepted: {problem}</h1>", "text/html", statusCode: 400);
        }

        SignIn(query);
        var answer = new Dictionary<string, string?> { ["state"] = query["state"] };
        if (AuthorizationError is { } error)
        {
            (answer["error"], answer["error_description"]) = (error, "<b>The provider's own words</b>");
        }
        else
        {
            answer["code"] = NewSecret();
            _codes[answer["code"]!] = new Grant(query["redirect_uri"], query["code_challenge"], query.GetValueOrDefault("nonce"), scopes, query.ContainsKey("max_age") && !HidesAuthTime ? SignedInAt : null);
        }

        return Results.Redirect(QueryHelpers.AddQueryString(query["redirect_uri"], answer));
    }

    // OpenID Connect Core §3.1.2.1.
    private void SignIn(Dictionary<string, string> query)
    {
        var prompts = query.GetValueOrDefault("prompt")?.Split(' ') ?? [];
        if (OtherAccount is not null && prompts.Intersect(["select_account", "login"]).Any())
        {
            (Claims["sub"], Claims["email"]) = (OtherAccount, OtherAccount + "@example.com");
        }

        var isTooOld = query.TryGetValue("max_age", out var maxAge) &&
            Clock.GetUtcNow() - SignedInAt >= TimeSpan.FromSeconds(long.Parse(maxAge, System.Globalization.CultureInfo.InvariantCulture));
        if (!IgnoresFreshness && (prompts.Contains("login") || isTooOld))
        {
            SignedInAt = Clock.GetUtcNow();
        }
    }

    private IResult Token(HttpRequest request, IFormCollection form)
    {
        if (TokenAnswer is not null)
        {
            return TokenAnswer;
        }

        var basic = "Basic " + Convert.ToBase64String(Encoding.ASCII.GetBytes($"{ClientId}:{ClientSecret}"));
        if (request.Headers.Authorization != basic && (form["client_id"] != ClientId || form["client_secret"] != ClientSecret))
        {
            return Results.Json(new { error = "invalid_client" }, statusCode: 401);
        }

        var isRight = _codes.TryRemove(form["code"].ToString(), out var grant) && form["grant_type"] == "authorization_code" &&
            form["redirect_uri"] == grant.RedirectUri &&
            Base64UrlEncoder.Encode(SHA256.HashData(Encoding.ASCII.GetBytes(form["code_verifier"].ToString()))) == grant.CodeChallenge;
        if (!isRight)
        {
            return Results.Json(new { error = "invalid_grant" }, statusCode: 400);
        }

        var accessToken = NewSecret();
        _tokens[accessToken] = grant!;
        var tokens = new Dictionary<string, object> { ["access_token"] = accessToken, ["token_type"] = "bearer", ["expires_in"] = 3600 };
        if (grant!.IsOpenId)
        {
            tokens["id_token"] = IdToken(grant);
        }

        return Results.Json(tokens);
    }

    private string IdToken(Grant grant)
    {
        var now = Clock.GetUtcNow().UtcDateTime;
        var token = new SecurityTokenDescriptor
        {
            Issuer = Origin,
            Audience = ClientId,
            IssuedAt = now,
            NotBefore = now,
            Expires = now.AddMinutes(5),
            Claims = new Dictionary<string, object>(Claims) { ["nonce"] = grant.Nonce! },
            SigningCredentials = new SigningCredentials(Keys.Current, SecurityAlgorithms.RsaSha256),
        };
        if (grant.AuthTime is { } moment)
        {
            token.Claims["auth_time"] = moment.ToUnixTimeSeconds();
        }

        Bend?.Invoke(token);
        return new JsonWebTokenHandler().CreateToken(token);
    }

    private IResult Answer(HttpRequest request, Func<object> answer) =>
        UserInfoIsDown ? Results.StatusCode(503)
        : request.Headers.UserAgent.Count == 0 ? Results.StatusCode(403)
        : request.Headers.Authorization.ToString() is ['B', 'e', 'a', 'r', 'e', 'r', ' ', .. var token] && _tokens.ContainsKey(token) ? Results.Json(answer())
        : Results.StatusCode(401);

    private static string NewSecret() => Base64UrlEncoder.Encode(RandomNumberGenerator.GetBytes(32));

    private sealed record Grant(string RedirectUri, string CodeChallenge, string? Nonce, string[] Scopes, DateTimeOffset? AuthTime)
    {
        public bool IsOpenId => Scopes.Contains("openid");
    }
}
