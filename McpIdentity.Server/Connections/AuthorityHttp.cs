using System.Collections.Concurrent;
using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using McpIdentity.Mcp;
using McpIdentity.Server.Outbound;
using McpIdentity.Server.Settings;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Connections;

/// <summary>
/// Speaks to authorization servers that a server behind this one names: nobody here has chosen them, so that they are reached as client
/// documents are. One on this computer may name another there; one within the operator's own network needs them to say so (<c>Upstream:AllowedNetworks</c>).
/// </summary>
internal sealed class AuthorityHttp(IOptions<OAuthServerOptions> options) : IDisposable
{
    private static readonly TimeSpan Within = TimeSpan.FromSeconds(10);
    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false };

    private static readonly string[] Here = ["127.0.0.0/8", "::1/128"];

    // Not the link-local networks, in which clouds have their metadata.
    private static readonly string[] Inside = [.. Here, "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"];

    // By the networks that each lets through.
    private readonly ConcurrentDictionary<string, GuardedHttp> _guards = new(StringComparer.Ordinal);

    /// <summary>Whether an address may be asked at all.</summary>
    public static bool IsAllowed(ConnectableServer server, string? url, out Uri address) =>
        Uri.TryCreate(url, UriKind.Absolute, out address!) && address is { UserInfo: "", Fragment: "" } &&
        (address.Scheme == Uri.UriSchemeHttps || (server.IsHere && Loopback.IsSafe(address)));

    /// <returns>The JSON object there; null where there is none.</returns>
    /// <exception cref="AuthorityException">It cannot be read.</exception>
    public async Task<JsonElement?> GetAsync(ConnectableServer server, Uri url, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, url);
        var answer = await SendAsync(server, request, readsBody: true, cancellationToken);
        return answer.Status is HttpStatusCode.OK ? Parse(answer.Body) : null;
    }

    /// <returns>The status, and the JSON object that came with it; null where there was none.</returns>
    /// <inheritdoc cref="GetAsync" path="/exception"/>
    public async Task<(HttpStatusCode Status, JsonElement? Body)> PostAsync(
        ConnectableServer server, Uri url, HttpContent content, AuthenticationHeaderValue? authorization, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, url) { Content = content };
        request.Headers.Authorization = authorization;
        var answer = await SendAsync(server, request, readsBody: true, cancellationToken);
        return (answer.Status, Parse(answer.Body));
    }

    /// <summary>Only for what stands before the body, which is left there.</summary>
    /// <inheritdoc cref="GetAsync" path="/exception"/>
    public Task<GuardedAnswer> AskAsync(ConnectableServer server, HttpRequestMessage request, CancellationToken cancellationToken) => SendAsync(server, request, readsBody: false, cancellationToken);

    public void Dispose()
    {
        foreach (var guard in _guards.Values)
        {
            guard.Dispose();
        }
    }

    private async Task<GuardedAnswer> SendAsync(ConnectableServer server, HttpRequestMessage request, bool readsBody, CancellationToken cancellationToken)
    {
        request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("application/json"));
        try
        {
            return await GuardFor(server, request.RequestUri!).SendAsync(request, Within, readsBody, cancellationToken);
        }
        catch (GuardedHttpException exception)
        {
            throw new AuthorityException(exception.IsNotPublic ? $"{exception.Message}; where it is within your own network, say so by Upstream:AllowedNetworks" : exception.Message);
        }
    }

    private GuardedHttp GuardFor(ConnectableServer server, Uri url)
    {
        // What the operator has named is theirs to answer for.
        var known = url.Authority == server.Url.Authority ? Inside : server.IsHere ? Here : [];
        string[] allowed = [.. options.Value.ClientDocuments.AllowedNetworks, .. server.Upstream.AllowedNetworks, .. known];
        return _guards.GetOrAdd(string.Join(' ', allowed), _ => new GuardedHttp([.. allowed.Select(network => IPNetwork.Parse(network))]));
    }

    private static JsonElement? Parse(byte[] body)
    {
        try
        {
            using var document = JsonDocument.Parse(body, Strict);
            return document.RootElement.ValueKind == JsonValueKind.Object ? document.RootElement.Clone() : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}

/// <summary>An authorization server of a server behind this one does not do what is needed; the message is for the operator.</summary>
internal sealed class AuthorityException(string message) : Exception(message);
