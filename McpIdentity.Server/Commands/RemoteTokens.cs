using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using McpIdentity.Server.Protocol;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace McpIdentity.Server.Commands;

/// <summary>
/// The access tokens for a server's admin API: the one that the caller has, or those that a client gets for itself (RFC 6749 §4.4), each
/// with the scope that is needed and no other. Neither is sent before the server has said that it is the one that was named.
/// </summary>
internal sealed class RemoteTokens(RemoteServer server, RemoteCredentials credentials)
{
    // One that ends on the way would be refused.
    private static readonly TimeSpan Early = TimeSpan.FromSeconds(30);

    private readonly Dictionary<string, (string Token, DateTimeOffset Until)> _gotten = [];
    private JsonElement? _resource;

    /// <exception cref="VerbFailure">It is no McpIdentity, is called otherwise, or gives the client none.</exception>
    public async Task<string> ForAsync(string scope)
    {
        _resource ??= await FindResourceAsync();
        return credentials.Token ?? (_gotten.TryGetValue(scope, out var gotten) && gotten.Until > TimeProvider.System.GetUtcNow() ? gotten : _gotten[scope] = await GetAsync(scope)).Token;
    }

    // RFC 9728 §3.3: what does not name what was asked for is somebody else's.
    private async Task<JsonElement> FindResourceAsync()
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, server.Address + Paths.AdminApiMetadata);
        var answer = await server.SendAsync(request);
        if (!answer.IsSuccess || answer.Json() is not { } metadata || answer.Text("resource") is not { } resource)
        {
            throw new VerbFailure(answer.IsAway ? ExitCode.Unavailable : ExitCode.Failed, $"{server.Address} has no admin API ({(int)answer.Status}): it is no McpIdentity, or one where Admin:Api is false.");
        }

        return resource == server.Address + Paths.AdminApi ? metadata
            : throw new VerbFailure(ExitCode.Failed, $"The server at {server.Address} is called {CommandLine.Printable(resource.Replace(Paths.AdminApi, "", StringComparison.Ordinal))}: name it so.");
    }

    private async Task<(string Token, DateTimeOffset Until)> GetAsync(string scope)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, await FindTokenEndpointAsync())
        {
            Content = new FormUrlEncodedContent([new("grant_type", GrantTypes.ClientCredentials), new("scope", scope), new("resource", server.Address + Paths.AdminApi)]),
        };

        // RFC 6749 §2.3.1: both are encoded first.
        var pair = $"{Uri.EscapeDataString(credentials.ClientId!)}:{Uri.EscapeDataString(credentials.ClientSecret!)}";
        request.Headers.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.ASCII.GetBytes(pair)));
        var answer = await server.SendAsync(request);
        return answer.IsSuccess && answer.Text("access_token") is { } token ? (token, TimeProvider.System.GetUtcNow() + LifetimeOf(answer) - Early)
            : throw new VerbFailure(
                answer.IsAway ? ExitCode.Unavailable : ExitCode.Failed,
                CommandLine.Printable($"{server.Address} gives the client {credentials.ClientId} no token with {scope}: {answer.Text("error_description") ?? answer.Text("error") ?? $"it answers {(int)answer.Status}"} ") + answer.Text("error") switch
                {
                    Errors.InvalidClient => "Look at MCPIDENTITY_CLIENT_ID and at the secret.",
                    Errors.InvalidScope => "OAuth:StaticClients:n:AdminScopes says there what it may do.",
                    _ => "",
                });
    }

    // RFC 6749 §5.1: where it is absent nobody knows, and each call gets another.
    private static TimeSpan LifetimeOf(RemoteAnswer answer) =>
        answer.Json() is { } json && json.TryGetProperty("expires_in", out var seconds) && seconds.ValueKind == JsonValueKind.Number && seconds.TryGetInt32(out var count) ? TimeSpan.FromSeconds(count) : TimeSpan.Zero;

    // RFC 8414 §3.3. The secret goes to the server that was named, and to no other that a document may name.
    private async Task<string> FindTokenEndpointAsync()
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, $"{server.Address}{Paths.WellKnown}/oauth-authorization-server");
        var answer = await server.SendAsync(request);
        return answer.IsSuccess && answer.Text("issuer") == server.Address && _resource!.Value.TryGetProperty("authorization_servers", out var servers) && servers.EnumerateArray().Any(issuer => issuer.ValueEquals(server.Address)) &&
            answer.Text("token_endpoint") is { } endpoint && endpoint.StartsWith(server.Address + "/", StringComparison.Ordinal)
                ? endpoint
                : throw new VerbFailure(ExitCode.Failed, $"{server.Address} does not say where its clients get tokens. Get one yourself, and put it into MCPIDENTITY_TOKEN.");
    }
}
