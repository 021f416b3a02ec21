using System.Buffers;
using McpIdentity.Mcp.Credentials;
using McpIdentity.Server.Settings;

namespace McpIdentity.Server.Gateway;

/// <summary>What a server behind this one is given to know us by. What the caller showed never goes on (MCP, authorization, "Token passthrough").</summary>
internal sealed class UpstreamCredentials(IdentityTokens identities, TokenExchange exchange)
{
    // RFC 9110 §5.5: visible characters, spaces and tabs; others would end the line.
    private static readonly SearchValues<char> HeaderCharacters = SearchValues.Create([.. Enumerable.Range(0x20, 0x7F - 0x20).Select(code => (char)code), '\t']);

    public static bool IsHeaderValue(string value) => !value.AsSpan().ContainsAnyExcept(HeaderCharacters);

    /// <param name="server">Which one is called.</param>
    /// <param name="caller">Who calls; null for this server itself, which asks for lists.</param>
    /// <param name="cancellationToken">Ends the wait when the caller has gone.</param>
    /// <returns>A header, or null where there is none.</returns>
    /// <exception cref="UpstreamCredentialException">There should be one, and it cannot be had.</exception>
    public async ValueTask<(string Name, string Value)?> ForAsync(FrontedServer server, VerifiedCaller? caller, CancellationToken cancellationToken) => server.Options.Upstream switch
    {
        { Auth: UpstreamAuth.Header } upstream => (upstream.Header, upstream.Value ?? await ReadAsync(server, upstream.ValueFile!, cancellationToken)),
        { Auth: UpstreamAuth.Identity } => ("Authorization", $"Bearer {await identities.ForAsync(server, caller, cancellationToken)}"),
        { Auth: UpstreamAuth.TokenExchange } => ("Authorization", $"Bearer {await exchange.ForAsync(server, caller, cancellationToken)}"),
        _ => null,
    };

    /// <summary>The server does not take what it was given.</summary>
    public void WereRefused(FrontedServer server, VerifiedCaller? caller) => exchange.Forget(server, caller);

    // Read with each call: it is small, in the system's cache, and may be renewed at any moment.
    private static async ValueTask<string> ReadAsync(FrontedServer server, string file, CancellationToken cancellationToken)
    {
        try
        {
            var value = (await File.ReadAllTextAsync(file, cancellationToken)).Trim();
            return value.Length > 0 && IsHeaderValue(value) ? value : throw new UpstreamCredentialException($"Gateway:Servers:{server.Name}:Upstream:ValueFile holds nothing that a header can carry.");
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new UpstreamCredentialException($"Gateway:Servers:{server.Name}:Upstream:ValueFile cannot be read: {exception.Message}");
        }
    }
}

/// <summary>What is needed to call a server is not there; the message is for the operator, not for the caller.</summary>
internal sealed class UpstreamCredentialException(string message) : Exception(message);
