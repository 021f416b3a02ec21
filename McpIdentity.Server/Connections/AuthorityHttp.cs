using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using McpIdentity.Server.Outbound;
using McpIdentity.Server.Settings;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Connections;

/// <summary>
/// Speaks to authorization servers that a server behind this one names: nobody here has chosen them, so that they are reached as client
/// documents are. A server within the operator's own network may name one there, at an address of a private network or of this computer.
/// </summary>
internal sealed class AuthorityHttp(IOptions<OAuthServerOptions> options) : IDisposable
{
    private static readonly TimeSpan Within = TimeSpan.FromSeconds(10);
    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false };

    // Not the link-local networks, in which clouds have their metadata.
    private static readonly string[] Inside = ["127.0.0.0/8", "::1/128", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"];

    private readonly GuardedHttp _outside = new([.. options.Value.ClientDocuments.AllowedNetworks.Select(network => IPNetwork.Parse(network))]);
    private readonly GuardedHttp _inside = new([.. options.Value.ClientDocuments.AllowedNetworks.Concat(Inside).Select(network => IPNetwork.Parse(network))]);

    /// <summary>Whether an address may be asked at all.</summary>
    public static bool IsAllowed(ConnectableServer server, string? url, out Uri address) =>
        Uri.TryCreate(url, UriKind.Absolute, out address!) && address is { UserInfo: "", Fragment: "" } &&
        (address.Scheme == Uri.UriSchemeHttps || (server.IsInside && address.Scheme == Uri.UriSchemeHttp));

    /// <returns>The JSON object there; null where there is none.</returns>
    /// <exception cref="AuthorityException">It cannot be read.</exception>
    public async Task<JsonElement?> GetAsync(ConnectableServer server, Uri url, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, url);
        var answer = await SendAsync(server, request, cancellationToken);
        return answer.Status is HttpStatusCode.OK ? Parse(answer.Body) : null;
    }

    /// <returns>The status, and the JSON object that came with it; null where there was none.</returns>
    /// <inheritdoc cref="GetAsync" path="/exception"/>
    public async Task<(HttpStatusCode Status, JsonElement? Body)> PostAsync(
        ConnectableServer server, Uri url, HttpContent content, AuthenticationHeaderValue? authorization, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, url) { Content = content };
        request.Headers.Authorization = authorization;
        var answer = await SendAsync(server, request, cancellationToken);
        return (answer.Status, Parse(answer.Body));
    }

    /// <inheritdoc cref="GetAsync" path="/exception"/>
    public async Task<GuardedAnswer> SendAsync(ConnectableServer server, HttpRequestMessage request, CancellationToken cancellationToken)
    {
        request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("application/json"));
        try
        {
            // What the operator has named is theirs to answer for.
            var isNamed = request.RequestUri!.Authority == server.Url.Authority;
            return await (server.IsInside || isNamed ? _inside : _outside).SendAsync(request, Within, cancellationToken);
        }
        catch (GuardedHttpException exception)
        {
            throw new AuthorityException(exception.Message);
        }
    }

    public void Dispose()
    {
        _outside.Dispose();
        _inside.Dispose();
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
