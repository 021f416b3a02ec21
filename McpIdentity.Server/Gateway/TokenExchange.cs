using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using McpIdentity.Mcp;
using McpIdentity.Mcp.Credentials;
using McpIdentity.Server.Connections;
using McpIdentity.Server.Settings;
using Microsoft.Extensions.Caching.Memory;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace McpIdentity.Server.Gateway;

/// <summary>
/// Access tokens of an external authorization server in the name of our callers, for a JWT that says who they are: by token exchange
/// (RFC 8693 §2.1) or the JWT bearer grant (RFC 7523 §2.1). A token is kept for its caller until shortly before it expires.
/// </summary>
internal sealed class TokenExchange(IdentityTokens identities, TimeProvider time) : IDisposable
{
    /// <summary>The type of an identity assertion (draft-ietf-oauth-identity-assertion-authz-grant).</summary>
    public const string AssertionType = "oauth-id-jag+jwt";

    private const string JwtType = "urn:ietf:params:oauth:token-type:jwt";
    private const string AccessTokenType = "urn:ietf:params:oauth:token-type:access_token";
    private const int MaxBytes = 64 * 1024;

    private static readonly TimeSpan Margin = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan UsualLifetime = TimeSpan.FromMinutes(5); // RFC 6749 §5.1: expires_in is optional

    private readonly MemoryCache _tokens = BoundedCache.Of(10_000, time);
    private readonly Lock _asking = new();

    private readonly HttpClient _http = new(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false, UseProxy = false, PooledConnectionLifetime = TimeSpan.FromMinutes(5) })
    {
        MaxResponseContentBufferSize = MaxBytes,
        Timeout = TimeSpan.FromSeconds(30),
    };

    /// <inheritdoc cref="UpstreamCredentials.ForAsync"/>
    public async ValueTask<string> ForAsync(FrontedServer server, VerifiedCaller? caller, CancellationToken cancellationToken)
    {
        var key = KeyOf(server, caller);
        Task<Exchanged> asked;
        lock (_asking)
        {
            // Who comes while somebody asks waits for the same answer; nobody's leaving takes it from the others.
            if (!_tokens.TryGetValue(key, out Task<Exchanged>? known) || IsOver(known!))
            {
                known = Task.Run(() => AskAsync(server, caller)); // not while others wait here
                _tokens.Set(key, known, new MemoryCacheEntryOptions { Size = 1, SlidingExpiration = TimeSpan.FromHours(1) });
            }

            asked = known!;
        }

        return (await asked.WaitAsync(cancellationToken)).Token;
    }

    /// <summary>The server does not take the token: the next call asks for another.</summary>
    public void Forget(FrontedServer server, VerifiedCaller? caller) => _tokens.Remove(KeyOf(server, caller));

    public void Dispose()
    {
        _http.Dispose();
        _tokens.Dispose();
    }

    private static object KeyOf(FrontedServer server, VerifiedCaller? caller) => (server.Options, caller?.Subject, caller?.ClientId);

    private bool IsOver(Task<Exchanged> asked) => asked.IsCompleted && (!asked.IsCompletedSuccessfully || asked.Result.Until <= time.GetUtcNow());

    private async Task<Exchanged> AskAsync(FrontedServer server, VerifiedCaller? caller)
    {
        var upstream = server.Options.Upstream;
        using var request = new HttpRequestMessage(HttpMethod.Post, upstream.TokenEndpoint) { Content = new FormUrlEncodedContent(await FormAsync(server, caller)) };
        request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("application/json"));
        if (upstream.ClientSecret is { } secret)
        {
            // RFC 6749 §2.3.1: both are form-encoded first.
            var credentials = $"{Uri.EscapeDataString(upstream.ClientId!)}:{Uri.EscapeDataString(secret)}";
            request.Headers.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.ASCII.GetBytes(credentials)));
        }

        try
        {
            using var response = await _http.SendAsync(request);
            using var answer = JsonDocument.Parse(await response.Content.ReadAsByteArrayAsync());
            var root = answer.RootElement;
            if (response.IsSuccessStatusCode && Text(root, "access_token") is { Length: > 0 } token && UpstreamCredentials.IsHeaderValue(token) &&
                string.Equals(Text(root, "token_type"), TokenTypes.Bearer, StringComparison.OrdinalIgnoreCase))
            {
                var lifetime = Authority.Lifetime(root) ?? UsualLifetime;
                return new Exchanged(token, time.GetUtcNow() + lifetime - (lifetime > 2 * Margin ? Margin : TimeSpan.Zero));
            }

            throw new UpstreamCredentialException($"the authorization server at {upstream.TokenEndpoint} answered {(int)response.StatusCode} {Text(root, "error") ?? "without a bearer token"}: {Text(root, "error_description")}");
        }
        catch (Exception exception) when (exception is HttpRequestException or JsonException or InvalidOperationException or OperationCanceledException)
        {
            throw new UpstreamCredentialException($"the authorization server at {upstream.TokenEndpoint} gave no answer that could be read: {exception.Message}");
        }
    }

    private async Task<Dictionary<string, string>> FormAsync(FrontedServer server, VerifiedCaller? caller)
    {
        var upstream = server.Options.Upstream;
        var audience = upstream.Audience ?? upstream.TokenEndpoint!;
        var form = new Dictionary<string, string> { ["resource"] = server.Address }; // RFC 8707 §2
        if (upstream.ClientSecret is null)
        {
            form["client_id"] = upstream.ClientId!;
        }

        if (upstream.Scope is { Length: > 0 } scope)
        {
            form["scope"] = scope;
        }

        if (upstream.Grant == ExchangeGrant.JwtBearer)
        {
            var more = new Dictionary<string, object> { ["client_id"] = upstream.ClientId!, ["resource"] = server.Address };
            if (form.TryGetValue("scope", out var asked))
            {
                more["scope"] = asked;
            }

            form["grant_type"] = "urn:ietf:params:oauth:grant-type:jwt-bearer";
            form["assertion"] = await identities.CreateAsync(audience, AssertionType, caller, more, CancellationToken.None);
        }
        else
        {
            form["grant_type"] = "urn:ietf:params:oauth:grant-type:token-exchange";
            form["subject_token"] = await identities.CreateAsync(audience, IdentityTokens.Type, caller, [], CancellationToken.None);
            form["subject_token_type"] = JwtType;
            form["requested_token_type"] = AccessTokenType;
        }

        return form;
    }

    private static string? Text(JsonElement element, string name) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private sealed record Exchanged(string Token, DateTimeOffset Until);
}
