using System.Net;
using System.Text.Json;
using Microsoft.IdentityModel.Protocols;
using Microsoft.IdentityModel.Tokens;

namespace McpIdentity.Mcp.IssuerKeys;

/// <summary>Fetches the public keys of an issuer: from a JWKS, or through its metadata document.</summary>
internal sealed class KeyDiscovery(IHttpClientFactory clients)
{
    public const string ClientName = "McpIdentity.Mcp.Keys";

    public async Task<IReadOnlyList<SecurityKey>> FromJwksAsync(string jwksUri, CancellationToken cancellationToken) =>
        KeySet.Read(await Documents(jwksUri).GetDocumentAsync(jwksUri, cancellationToken), jwksUri);

    /// <param name="issuer">The identifier, which the document must name (RFC 8414 §3.3).</param>
    /// <param name="cancellationToken">Ends the fetch.</param>
    /// <param name="tell">Hears which scopes the document names, if any.</param>
    public async Task<IReadOnlyList<SecurityKey>> FromIssuerAsync(string issuer, CancellationToken cancellationToken, Action<ICollection<string>>? tell = null)
    {
        var url = new Uri(issuer);
        var authority = url.GetLeftPart(UriPartial.Authority);
        var path = url.AbsolutePath.TrimEnd('/');
        // RFC 8414 §3.1 puts the well-known part before the path, OpenID Connect Discovery §4.1 behind it.
        string[] places = [$"{authority}/.well-known/openid-configuration{path}", $"{authority}/.well-known/oauth-authorization-server{path}"];
        if (path.Length > 0)
        {
            places = [$"{authority}{path}/.well-known/openid-configuration", .. places];
        }

        foreach (var place in places)
        {
            try
            {
                using var document = JsonDocument.Parse(await Documents(place).GetDocumentAsync(place, cancellationToken));
                // RFC 8414 §3.3: a document that names another issuer is not this issuer's. Entra and Auth0 differ by a slash.
                if (Text(document, "issuer")?.TrimEnd('/') == issuer.TrimEnd('/') && Text(document, "jwks_uri") is { } jwksUri)
                {
                    tell?.Invoke(Scopes(document));
                    return KeySet.Read(await Documents(place).GetDocumentAsync(jwksUri, cancellationToken), jwksUri);
                }
            }
            catch (Exception exception) when (exception is IOException or JsonException && place != places[^1])
            {
                // Not published there: the next place.
            }
        }

        throw new InvalidOperationException($"No metadata document names the issuer '{issuer}'.");
    }

    private static string? Text(JsonDocument document, string member) =>
        document.RootElement.ValueKind == JsonValueKind.Object && document.RootElement.TryGetProperty(member, out var value) && value.ValueKind == JsonValueKind.String
            ? value.GetString()
            : null;

    private static string[] Scopes(JsonDocument document) =>
        document.RootElement.TryGetProperty("scopes_supported", out var names) && names.ValueKind == JsonValueKind.Array
            ? [.. names.EnumerateArray().Where(name => name.ValueKind == JsonValueKind.String).Select(name => name.GetString()!)]
            : [];

    // Also for the jwks_uri that a document names: only a document on loopback may send us to an address without TLS.
    private HttpDocumentRetriever Documents(string url) =>
        new(clients.CreateClient(ClientName)) { RequireHttps = !Loopback.Is(new Uri(url)) };

    public static HttpMessageHandler CreateHandler() => new SocketsHttpHandler
    {
        AllowAutoRedirect = false,
        AutomaticDecompression = DecompressionMethods.None,
        ConnectTimeout = TimeSpan.FromSeconds(3),
        PooledConnectionLifetime = TimeSpan.FromMinutes(5),
    };
}
