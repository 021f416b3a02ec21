using System.Net;
using System.Text;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace McpIdentity.Server.Connections;

/// <summary>What a server behind this one says of itself (RFC 9728 §2).</summary>
/// <param name="Resource">What it calls itself (RFC 8707).</param>
/// <param name="Issuers">The authorization servers that it trusts.</param>
/// <param name="Scopes">What it asks for; empty where it does not say.</param>
internal sealed record DescribedResource(string Resource, IReadOnlyList<string> Issuers, IReadOnlyList<string> Scopes);

/// <summary>
/// Finds that: where its 401 says that it is, or at its well-known addresses (RFC 9728 §5.1, §3.1). What one place does not have, or has wrong,
/// the next may have right.
/// </summary>
internal sealed class ResourceDiscovery(AuthorityHttp http)
{
    private const string Hello =
        """{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"McpIdentity","version":"1"}}}""";

    private const string WellKnown = "/.well-known/oauth-protected-resource";
    private const string Session = "Mcp-Session-Id";

    /// <exception cref="AuthorityException">It is nowhere.</exception>
    public async Task<DescribedResource> FindAsync(ConnectableServer server, CancellationToken cancellationToken)
    {
        var (named, asked) = await AskAsync(server, cancellationToken);
        var origin = server.Url.GetLeftPart(UriPartial.Authority);
        var reason = "it does not say which authorization server it trusts (RFC 9728 §3)";
        foreach (var place in new[] { named, origin + WellKnown + server.Url.AbsolutePath.TrimEnd('/'), origin + WellKnown }.OfType<string>().Distinct())
        {
            try
            {
                if (!AuthorityHttp.IsAllowed(server, place, out var address))
                {
                    reason = $"its metadata is said to be at {place}, which is not asked: it must be an https URL";
                }
                else if (await http.GetAsync(server, address, cancellationToken) is { } described)
                {
                    // RFC 9728 §3.3. A parent of the address is taken too, as the SDKs do: many servers describe their origin.
                    if (Authority.Text(described, "resource") is { } resource && IsOf(resource, server.Url))
                    {
                        // MCP, authorization, "Scope Selection Strategy": what the first challenge names comes before all that there are.
                        return new DescribedResource(resource, Authority.Texts(described, "authorization_servers"), asked.Count > 0 ? asked : Authority.Texts(described, "scopes_supported"));
                    }

                    reason = $"the metadata at {place} is of another resource, {Authority.Text(described, "resource") ?? "of none"}";
                }
            }
            catch (AuthorityException exception)
            {
                reason = exception.Message;
            }
        }

        throw new AuthorityException(reason);
    }

    // Where its metadata is, and which scopes it wants: both null or empty where it does not say, or gives no answer.
    private async Task<(string? Place, IReadOnlyList<string> Scopes)> AskAsync(ConnectableServer server, CancellationToken cancellationToken)
    {
        try
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, server.Url) { Content = new StringContent(Hello, Encoding.UTF8, "application/json") };
            request.Headers.Accept.ParseAdd("text/event-stream");
            var answer = await http.AskAsync(server, request, cancellationToken);
            if (answer.Headers.TryGetValues(Session, out var sessions))
            {
                await EndAsync(server, sessions.First(), cancellationToken);
            }

            var challenges = answer.Status == HttpStatusCode.Unauthorized ? Challenges.In(answer.Headers).ToArray() : [];
            return (
                challenges.Select(challenge => challenge.GetValueOrDefault("resource_metadata")).FirstOrDefault(place => place is not null),
                [.. Challenges.ScopesOf(challenges.Select(challenge => challenge.GetValueOrDefault(Parameters.Scope)).FirstOrDefault(scope => scope is not null))]);
        }
        catch (AuthorityException)
        {
            return (null, []);
        }
    }

    // It lets everybody begin, and we are nobody who goes on.
    private async Task EndAsync(ConnectableServer server, string session, CancellationToken cancellationToken)
    {
        try
        {
            using var request = new HttpRequestMessage(HttpMethod.Delete, server.Url);
            request.Headers.TryAddWithoutValidation(Session, session);
            await http.AskAsync(server, request, cancellationToken);
        }
        catch (AuthorityException)
        {
            // It ends by itself.
        }
    }

    private static bool IsOf(string resource, Uri url) =>
        Uri.TryCreate(resource, UriKind.Absolute, out var named) && named.GetLeftPart(UriPartial.Authority) == url.GetLeftPart(UriPartial.Authority) && named.Fragment.Length == 0 &&
        $"{url.AbsolutePath.TrimEnd('/')}/".StartsWith($"{named.AbsolutePath.TrimEnd('/')}/", StringComparison.Ordinal);
}
