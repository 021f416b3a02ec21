using System.Net;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.Extensions.Caching.Memory;

namespace McpIdentity.Server.Connections;

/// <summary>
/// Finds the authorization server of one behind this one: from what its 401 names, or from its well-known addresses (RFC 9728 §5.1, §3.1),
/// and then the metadata of the authorization server itself (RFC 8414 §3.1, or OpenID Connect Discovery §4). Known for an hour.
/// </summary>
internal sealed partial class Authorities(AuthorityHttp http, TimeProvider time) : IDisposable
{
    private const string Hello =
        """{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"McpIdentity","version":"1"}}}""";

    private const string WellKnown = "/.well-known/oauth-protected-resource";

    private static readonly TimeSpan Lifetime = TimeSpan.FromHours(1);

    private readonly MemoryCache _known = new(new MemoryCacheOptions { SizeLimit = 1_000 });

    /// <exception cref="AuthorityException">There is none, or it is not what it says.</exception>
    public async Task<Authority> OfAsync(ConnectableServer server, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        if (_known.TryGetValue(server.Upstream, out Known? known) && known!.Url == server.Url && known.At + Lifetime > now)
        {
            return known.Authority;
        }

        var authority = await FindAsync(server, cancellationToken);
        _known.Set(server.Upstream, new Known(server.Url, authority, now), new MemoryCacheEntryOptions { Size = 1, AbsoluteExpirationRelativeToNow = Lifetime });
        return authority;
    }

    /// <summary>What is known of it did not work: it is looked up again.</summary>
    public void Forget(ConnectableServer server) => _known.Remove(server.Upstream);

    public void Dispose() => _known.Dispose();

    private async Task<Authority> FindAsync(ConnectableServer server, CancellationToken cancellationToken)
    {
        var (resource, described) = await DescribedAsync(server, cancellationToken);
        var named = Authority.Texts(described, "authorization_servers");
        if (server.Upstream.Issuer is { } only && !named.Contains(only, StringComparer.Ordinal))
        {
            throw new AuthorityException($"its metadata does not name the authorization server of Upstream:Issuer, {only}, but {(named.Count == 0 ? "none" : string.Join(", ", named))}");
        }

        if ((server.Upstream.Issuer ?? (named.Count > 0 ? named[0] : null)) is not { } issuer || !AuthorityHttp.IsAllowed(server, issuer, out var address))
        {
            throw new AuthorityException("its metadata names no authorization server (authorization_servers, RFC 9728 §2) that can be asked: an https URL, or one of a private network where Upstream:IsInternal says so");
        }

        foreach (var place in MetadataOf(address))
        {
            if (await http.GetAsync(server, place, cancellationToken) is { } metadata)
            {
                return Read(server, issuer, metadata) with { Resource = resource, Scopes = Authority.Texts(described, "scopes_supported") };
            }
        }

        throw new AuthorityException($"the authorization server {issuer} has no metadata (RFC 8414 §3)");
    }

    private async Task<(string Resource, JsonElement Metadata)> DescribedAsync(ConnectableServer server, CancellationToken cancellationToken)
    {
        foreach (var place in await PlacesAsync(server, cancellationToken))
        {
            if (await http.GetAsync(server, place, cancellationToken) is { } described)
            {
                // RFC 9728 §3.3. A parent of the address is taken too, as the SDKs do: many servers describe their origin.
                return Authority.Text(described, "resource") is { } resource && IsOf(resource, server.Url)
                    ? (resource, described)
                    : throw new AuthorityException($"the metadata at {place} is of another resource, {Authority.Text(described, "resource") ?? "of none"}");
            }
        }

        throw new AuthorityException("it does not say which authorization server it trusts (RFC 9728 §3)");
    }

    private async Task<IReadOnlyList<Uri>> PlacesAsync(ConnectableServer server, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, server.Url) { Content = new StringContent(Hello, Encoding.UTF8, "application/json") };
        request.Headers.Accept.ParseAdd("text/event-stream");
        var answer = await http.SendAsync(server, request, cancellationToken);
        var origin = server.Url.GetLeftPart(UriPartial.Authority);
        var path = server.Url.AbsolutePath.TrimEnd('/');
        string?[] named =
        [
            answer.Status == HttpStatusCode.Unauthorized
                ? answer.Challenges.Select(challenge => ResourceMetadataOf().Match(challenge.Parameter ?? "")).FirstOrDefault(match => match.Success)?.Groups[1].Value
                : null,
            origin + WellKnown + path,
            origin + WellKnown,
        ];
        return [.. named.OfType<string>().Distinct().Select(place => AuthorityHttp.IsAllowed(server, place, out var address) ? address : null).OfType<Uri>()];
    }

    private static IEnumerable<Uri> MetadataOf(Uri issuer)
    {
        var origin = issuer.GetLeftPart(UriPartial.Authority);
        var path = issuer.AbsolutePath.TrimEnd('/');
        yield return new Uri($"{origin}/.well-known/oauth-authorization-server{path}");
        yield return new Uri($"{origin}/.well-known/openid-configuration{path}");
        if (path.Length > 0)
        {
            yield return new Uri($"{origin}{path}/.well-known/openid-configuration");
        }
    }

    private static Authority Read(ConnectableServer server, string issuer, JsonElement metadata)
    {
        // RFC 8414 §3.3: identical, or another could stand in its place.
        if (Authority.Text(metadata, "issuer") is var said && !string.Equals(said, issuer, StringComparison.Ordinal))
        {
            throw new AuthorityException($"the metadata of the authorization server {issuer} says that it is {said ?? "nobody"}");
        }

        if (!Authority.Texts(metadata, "code_challenge_methods_supported").Contains("S256", StringComparer.Ordinal))
        {
            throw new AuthorityException($"the authorization server {issuer} does not say that it knows S256 (RFC 7636; code_challenge_methods_supported)");
        }

        Uri? EndpointOf(string name) => AuthorityHttp.IsAllowed(server, Authority.Text(metadata, name), out var address) ? address : null;
        return new Authority
        {
            Issuer = issuer,
            AuthorizationEndpoint = EndpointOf("authorization_endpoint") ?? throw new AuthorityException($"the authorization server {issuer} has no authorization_endpoint that can be used"),
            TokenEndpoint = EndpointOf("token_endpoint") ?? throw new AuthorityException($"the authorization server {issuer} has no token_endpoint that can be used"),
            RegistrationEndpoint = EndpointOf("registration_endpoint"),
            RevocationEndpoint = EndpointOf("revocation_endpoint"),
            SaysIssuer = Authority.IsTrue(metadata, "authorization_response_iss_parameter_supported"),
            TakesDocuments = Authority.IsTrue(metadata, "client_id_metadata_document_supported"),
            Methods = Authority.Texts(metadata, "token_endpoint_auth_methods_supported"),
            Resource = "",
        };
    }

    private static bool IsOf(string resource, Uri url) =>
        Uri.TryCreate(resource, UriKind.Absolute, out var named) && named.GetLeftPart(UriPartial.Authority) == url.GetLeftPart(UriPartial.Authority) && named.Fragment.Length == 0 &&
        $"{url.AbsolutePath.TrimEnd('/')}/".StartsWith($"{named.AbsolutePath.TrimEnd('/')}/", StringComparison.Ordinal);

    private sealed record Known(Uri Url, Authority Authority, DateTimeOffset At);

    [GeneratedRegex("""(?:^|[\s,])resource_metadata\s*=\s*"([^"]+)""", RegexOptions.IgnoreCase)]
    private static partial Regex ResourceMetadataOf();
}
