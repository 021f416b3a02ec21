using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using McpIdentity.Mcp;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.IdentityModel.Tokens;

namespace McpIdentity.Tests.Support;

/// <summary>A registered client that speaks the protocol by hand, so that a test can bend any part of it.</summary>
internal sealed class OAuthClient
{
    /// <summary>Its host receives the answer and nobody else: what a person allowed is remembered.</summary>
    public const string DefaultRedirectUri = "https://client.example/callback";

    /// <summary>A program on the person's computer, which is asked about each time.</summary>
    public const string LoopbackRedirectUri = "http://127.0.0.1:4711/callback";

    private readonly HttpClient _http;

    private OAuthClient(HttpClient http, string clientId, string? secret, string redirectUri)
    {
        (_http, ClientId, Secret, RedirectUri) = (http, clientId, secret, redirectUri);
    }

    public string ClientId { get; }

    public string? Secret { get; }

    public string RedirectUri { get; }

    public string Verifier { get; private init; } = Base64UrlEncoder.Encode(RandomNumberGenerator.GetBytes(32));

    public string Challenge => Base64UrlEncoder.Encode(SHA256.HashData(Encoding.ASCII.GetBytes(Verifier)));

    /// <summary>A client that the operator registered.</summary>
    public static OAuthClient Of(TestServer server, string clientId, string? secret, string redirectUri) => Of(server.Http, clientId, secret, redirectUri);

    public static OAuthClient Of(HttpClient http, string clientId, string? secret, string redirectUri) => new(http, clientId, secret, redirectUri);

    public static Task<OAuthClient> RegisterPublicAsync(TestServer server, string redirectUri = DefaultRedirectUri) =>
        RegisterPublicAsync(server.Http, redirectUri);

    public static Task<OAuthClient> RegisterPublicAsync(HttpClient http, string redirectUri = DefaultRedirectUri) =>
        RegisterAsync(http, new { redirect_uris = new[] { redirectUri }, client_name = "Test client", token_endpoint_auth_method = "none", grant_types = new[] { "authorization_code", "refresh_token" } });

    public static Task<OAuthClient> RegisterServiceAsync(TestServer server) =>
        RegisterAsync(server, new { client_name = "Test service", grant_types = new[] { "client_credentials" } });

    public static Task<OAuthClient> RegisterAsync(TestServer server, object metadata) => RegisterAsync(server.Http, metadata);

    public static async Task<OAuthClient> RegisterAsync(HttpClient http, object metadata)
    {
        using var response = await http.PostAsJsonAsync("/register", metadata);
        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.Created), await response.Content.ReadAsStringAsync());
        var client = await response.JsonAsync();
        var redirectUri = client.TryGetProperty("redirect_uris", out var uris) ? uris[0].GetString()! : "";
        return new OAuthClient(http, client.Text("client_id")!, client.Text("client_secret"), redirectUri);
    }

    /// <summary>The same client, talking to another node.</summary>
    public OAuthClient At(HttpClient http) => new(http, ClientId, Secret, RedirectUri) { Verifier = Verifier };

    /// <summary>The address to open in a browser; <paramref name="changes"/> replace parameters, a null removes one.</summary>
    public string AuthorizeUrl(params (string Name, string? Value)[] changes)
    {
        var parameters = new Dictionary<string, string?>
        {
            ["client_id"] = ClientId,
            ["response_type"] = "code",
            ["redirect_uri"] = RedirectUri,
            ["code_challenge"] = Challenge,
            ["code_challenge_method"] = "S256",
            ["state"] = "the state",
        };
        foreach (var (name, value) in changes)
        {
            parameters[name] = value;
        }

        return QueryHelpers.AddQueryString(new Uri(_http.BaseAddress!, "/oauth/authorize").AbsoluteUri, parameters.Where(parameter => parameter.Value is not null));
    }

    /// <summary>Walks sign-in and consent and returns the code.</summary>
    public async Task<string> AuthorizeAsync(Person person, params (string Name, string? Value)[] changes)
    {
        var answer = await person.AuthorizeAsync(AuthorizeUrl(changes));
        Assert.That(answer.ContainsKey("code"), Is.True, string.Join('&', answer.Select(p => $"{p.Key}={p.Value}")));
        return answer["code"]!;
    }

    public Task<HttpResponseMessage> RedeemAsync(string code, params (string Name, string? Value)[] changes) => TokenAsync(
    [
        ("grant_type", "authorization_code"), ("code", code), ("redirect_uri", RedirectUri), ("code_verifier", Verifier), .. changes,
    ]);

    public Task<HttpResponseMessage> RefreshAsync(string refreshToken, params (string Name, string? Value)[] changes) =>
        TokenAsync([("grant_type", "refresh_token"), ("refresh_token", refreshToken), .. changes]);

    /// <summary>Sign-in, consent and redemption: the token response.</summary>
    public async Task<JsonElement> ConnectAsync(Person person, params (string Name, string? Value)[] changes)
    {
        using var response = await RedeemAsync(await AuthorizeAsync(person, changes));
        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK), await response.Content.ReadAsStringAsync());
        return await response.JsonAsync();
    }

    /// <summary>A request to the token endpoint with this client's own authentication.</summary>
    public Task<HttpResponseMessage> TokenAsync(params (string Name, string? Value)[] parameters) => PostAsync("/oauth/token", parameters);

    public async Task<HttpResponseMessage> PostAsync(string path, params (string Name, string? Value)[] parameters)
    {
        var form = new Dictionary<string, string?>();
        if (Secret is null)
        {
            form["client_id"] = ClientId;
        }

        foreach (var (name, value) in parameters)
        {
            form[name] = value;
        }

        using var request = new HttpRequestMessage(HttpMethod.Post, path)
        {
            Content = new FormUrlEncodedContent(form.Where(parameter => parameter.Value is not null)!),
        };
        if (Secret is not null)
        {
            request.Headers.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.ASCII.GetBytes($"{ClientId}:{Secret}")));
        }

        return await _http.SendAsync(request);
    }
}
