using System.Collections.Concurrent;
using System.Text.Json;
using McpIdentity.Mcp;
using McpIdentity.Server.Settings;
using Microsoft.Extensions.Caching.Memory;

namespace McpIdentity.Server.Connections;

/// <summary>
/// The authorization servers that those behind this one trust, by their metadata (RFC 8414 §3.1, or OpenID Connect Discovery §4). Known for an hour.
/// </summary>
internal sealed class Authorities(AuthorityHttp http, ResourceDiscovery discovery, TimeProvider time) : IDisposable
{
    private const string ChallengeMethods = "code_challenge_methods_supported";

    private static readonly TimeSpan Lifetime = TimeSpan.FromHours(1);
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    // For all requests that it takes to find one.
    private static readonly TimeSpan Within = TimeSpan.FromSeconds(20);

    private readonly MemoryCache _known = BoundedCache.Of(1_000, time);
    private readonly ConcurrentDictionary<UpstreamOptions, Task<Known>> _finding = new();

    /// <summary>The one at which people connect their accounts: that of <c>Upstream:Issuer</c>, else the first of those that the server names.</summary>
    /// <exception cref="AuthorityException">There is none, or it is not what it says.</exception>
    public Task<Authority> OfAsync(ConnectableServer server, CancellationToken cancellationToken) => FindAsync(server, async ending =>
    {
        var known = await KnownAsync(server, Lifetime, ending);
        return await ReadAsync(server, known, IssuerFor(server, known.Resource.Issuers), ending);
    }, cancellationToken);

    /// <summary>The one that an account was connected at, wherever in the list it stands now.</summary>
    /// <returns>Null where the server does not trust it any more, or the operator names another.</returns>
    /// <exception cref="AuthorityException">What the server trusts is not to be found out, or it is not what it says.</exception>
    public Task<Authority?> OfAsync(ConnectableServer server, string issuer, CancellationToken cancellationToken) => FindAsync(server, async ending =>
    {
        var known = await KnownAsync(server, Lifetime, ending);
        if (!IsTrusted())
        {
            known = await KnownAsync(server, Patience, ending); // one wrong answer is not believed for an hour
        }

        return IsTrusted() ? await ReadAsync(server, known, issuer, ending) : null;

        bool IsTrusted() => known.Resource.Issuers.Contains(issuer, StringComparer.Ordinal) && (server.Upstream.Issuer is not { Length: > 0 } only || only == issuer);
    }, cancellationToken);

    /// <summary>What is known of it did not work: it is looked up again.</summary>
    public void Forget(ConnectableServer server) => _known.Remove(server.Upstream);

    public void Dispose() => _known.Dispose();

    private static string IssuerFor(ConnectableServer server, IReadOnlyList<string> named)
    {
        if (server.Upstream.Issuer is { Length: > 0 } only)
        {
            return named.Contains(only, StringComparer.Ordinal) ? only : throw new AuthorityException(
                $"its metadata does not name the authorization server of Upstream:Issuer, {only}, but {(named.Count == 0 ? "none" : string.Join(", ", named))}: nobody is sent to another than the one that you named");
        }

        return named.FirstOrDefault(issuer => AuthorityHttp.IsAllowed(server, issuer, out _)) ??
            throw new AuthorityException("its metadata names no authorization server (authorization_servers, RFC 9728 §2) that can be asked: an https URL");
    }

    private async Task<T> FindAsync<T>(ConnectableServer server, Func<CancellationToken, Task<T>> find, CancellationToken cancellationToken)
    {
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        ending.CancelAfter(Within);
        try
        {
            return await find(ending.Token);
        }
        catch (AuthorityException)
        {
            Forget(server); // what has led nowhere may be mended by now
            throw;
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new AuthorityException($"the authorization server of {server.Url.Host} was not to be found within {Within.TotalSeconds} seconds");
        }
    }

    private async Task<Known> KnownAsync(ConnectableServer server, TimeSpan lifetime, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        if (_known.TryGetValue(server.Upstream, out Known? known) && known!.Url == server.Url && known.At + lifetime > now)
        {
            return known;
        }

        // Who comes while it is looked up waits for the same answer: a busy server is not asked by everybody at once.
        return await _finding.GetOrAdd(server.Upstream, _ => Task.Run(() => FindAsync(server), CancellationToken.None)).WaitAsync(cancellationToken);
    }

    private async Task<Known> FindAsync(ConnectableServer server)
    {
        try
        {
            using var ending = new CancellationTokenSource(Within);
            var known = new Known(server.Url, await discovery.FindAsync(server, ending.Token), time.GetUtcNow(), new());
            return _known.Set(server.Upstream, known, new MemoryCacheEntryOptions { Size = 1, AbsoluteExpirationRelativeToNow = Lifetime });
        }
        finally
        {
            _finding.TryRemove(server.Upstream, out _);
        }
    }

    private async Task<Authority> ReadAsync(ConnectableServer server, Known known, string issuer, CancellationToken cancellationToken)
    {
        if (known.Authorities.TryGetValue(issuer, out var authority))
        {
            return authority;
        }

        if (!AuthorityHttp.IsAllowed(server, issuer, out var address))
        {
            throw new AuthorityException($"the authorization server {issuer} is not asked: it must be an https URL");
        }

        var reason = $"the authorization server {issuer} has no metadata (RFC 8414 §3)";
        foreach (var place in MetadataOf(address))
        {
            try
            {
                if (await http.GetAsync(server, place, cancellationToken) is { } metadata)
                {
                    return known.Authorities[issuer] = Read(server, issuer, metadata) with { Resource = server.Upstream.Resource ?? known.Resource.Resource, Scopes = known.Resource.Scopes };
                }
            }
            catch (AuthorityException exception)
            {
                reason = exception.Message;
            }
        }

        throw new AuthorityException(reason);
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

        // MCP, authorization: who does not say it is refused. An operator who names the authorization server may know better; S256 is sent in any case.
        var isSilent = !metadata.TryGetProperty(ChallengeMethods, out _);
        if (!Authority.Texts(metadata, ChallengeMethods).Contains("S256", StringComparer.Ordinal) && !(isSilent && server.Upstream.Issuer is { Length: > 0 }))
        {
            throw new AuthorityException($"the authorization server {issuer} does not say that it knows S256 (RFC 7636; {ChallengeMethods}){(isSilent ? ". Where you know that it does, name it in Upstream:Issuer" : "")}");
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
            OffersOfflineAccess = Authority.Texts(metadata, "scopes_supported").Contains(OpenIddict.Abstractions.OpenIddictConstants.Scopes.OfflineAccess, StringComparer.Ordinal),
            Resource = "",
        };
    }

    private sealed record Known(Uri Url, DescribedResource Resource, DateTimeOffset At, ConcurrentDictionary<string, Authority> Authorities);
}
