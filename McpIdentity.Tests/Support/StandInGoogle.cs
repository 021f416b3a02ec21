using System.Collections.Concurrent;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Federation;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace McpIdentity.Tests.Support;

/// <summary>
/// Plays Google on a loopback port: the sign-in page, the token endpoint and userinfo, with Google's checks and Google's words.
/// Where Google is lenient it is strict, so that what we send is right and not only accepted.
/// </summary>
internal sealed class StandInGoogle : IAsyncDisposable
{
    public const string ClientId = "stand-in.apps.googleusercontent.com";
    public const string ClientSecret = "stand-in-secret";

    private readonly WebApplication _app;
    private readonly ConcurrentQueue<GoogleRequest> _requests = [];
    private readonly ConcurrentDictionary<string, GoogleAccount> _people = new(StringComparer.OrdinalIgnoreCase);

    private StandInGoogle(WebApplication app, string origin) => (_app, Origin) = (app, origin);

    public string Origin { get; }

    public string AuthorizationEndpoint => Origin + "/o/oauth2/v2/auth";

    public string TokenEndpoint => Origin + "/token";

    public string UserInfoEndpoint => Origin + "/oauth2/v3/userinfo";

    /// <summary>What makes a server take this one for Google.</summary>
    public string[] Settings =>
    [
        $"OAuth:GoogleClientId={ClientId}", $"OAuth:GoogleClientSecret={ClientSecret}", $"OAuth:GoogleAuthorizationEndpoint={AuthorizationEndpoint}",
        $"OAuth:GoogleTokenEndpoint={TokenEndpoint}", $"OAuth:GoogleUserInformationEndpoint={UserInfoEndpoint}",
    ];

    /// <summary>Where the key of the id_token is published.</summary>
    public string JwksUri => Origin + "/oauth2/v3/certs";

    /// <summary>Answer without a page, as Google does for someone who is signed in and has consented.</summary>
    public bool AutoSubmit { get; set; }

    /// <summary>Who signs in with <see cref="AutoSubmit"/>; the others type their address.</summary>
    public string SignedIn { get; set; } = "alice@example.com";

    public GoogleFailure Failure { get; set; }

    /// <summary>By which its tokens are dated: a test that moves the server's clock far moves this with it.</summary>
    public TimeProvider Clock { get; set; } = TimeProvider.System;

    /// <summary>What arrived, in order.</summary>
    public IReadOnlyList<GoogleRequest> Requests => [.. _requests];

    public StandInKeys Keys { get; } = new();

    /// <summary>How it fails, by path.</summary>
    public IDictionary<string, RequestDelegate> Faults { get; } = new ConcurrentDictionary<string, RequestDelegate>();

    /// <summary>Forgets what arrived and does everything right again.</summary>
    public void Reset()
    {
        _requests.Clear();
        Failure = GoogleFailure.None;
        Keys.Reset();
        Faults.Clear();
    }

    /// <summary>Adds someone, or replaces who had the address.</summary>
    public GoogleAccount Add(GoogleAccount account) => _people[account.Email] = account;

    public static async Task<StandInGoogle> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        var origin = $"http://localhost:{Ports.Next()}";
        var app = builder.Build();
        app.Urls.Add(origin);
        var google = new StandInGoogle(app, origin);
        google.Add(new GoogleAccount("alice@example.com", "Alice", "Liddell"));
        google.Add(new GoogleAccount("bob@example.com", "Bob", "Builder"));

        app.Use(google.RecordAsync);
        new GoogleSignIn(google).Map(app);
        await app.StartAsync();
        return google;
    }

    internal GoogleAccount? Find(string? email) => email is null ? null : _people.GetValueOrDefault(email);

    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync();
        await _app.DisposeAsync();
    }

    private async Task RecordAsync(HttpContext context, RequestDelegate next)
    {
        var request = context.Request;
        var parameters = request.Query.ToDictionary(parameter => parameter.Key, parameter => parameter.Value.ToString());
        if (request.HasFormContentType)
        {
            foreach (var (name, value) in await request.ReadFormAsync())
            {
                parameters[name] = value.ToString();
            }
        }

        _requests.Enqueue(new GoogleRequest(
            TimeProvider.System.GetUtcNow(), request.Method, request.Path, parameters, request.Headers.Authorization.ToString()));
        await (Faults.TryGetValue(request.Path, out var fault) ? fault(context) : next(context));
    }
}
