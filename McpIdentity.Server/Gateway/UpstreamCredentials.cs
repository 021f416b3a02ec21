using System.Buffers;
using McpIdentity.Mcp.Credentials;
using McpIdentity.Server.Connections;
using McpIdentity.Server.Settings;

namespace McpIdentity.Server.Gateway;

/// <summary>What a server behind this one is given to know us by. What the caller showed never goes on (MCP, authorization, "Token passthrough").</summary>
internal sealed class UpstreamCredentials(IdentityTokens identities, TokenExchange exchange, FreshTokens tokens)
{
    // RFC 9110 §5.5: visible characters, spaces and tabs; others would end the line.
    private static readonly SearchValues<char> HeaderCharacters = SearchValues.Create([.. Enumerable.Range(0x20, 0x7F - 0x20).Select(code => (char)code), '\t']);

    public static bool IsHeaderValue(string value) => !value.AsSpan().ContainsAnyExcept(HeaderCharacters);

    /// <param name="server">Which one is called.</param>
    /// <param name="caller">Who calls; null for this server itself, which asks for lists.</param>
    /// <param name="cancellationToken">Ends the wait when the caller has gone.</param>
    /// <returns>A header, or null where there is none.</returns>
    /// <exception cref="UpstreamCredentialException">There should be one, and it cannot be had.</exception>
    /// <exception cref="NotConnectedException">It is the person's own, and they have connected none.</exception>
    public async ValueTask<(string Name, string Value)?> ForAsync(FrontedServer server, VerifiedCaller? caller, CancellationToken cancellationToken) => server.Options.Upstream switch
    {
        { Auth: UpstreamAuth.Header } upstream => (upstream.Header, upstream.Value ?? await ReadAsync(server, upstream.ValueFile!, cancellationToken)),
        { Auth: UpstreamAuth.Identity } => ("Authorization", $"Bearer {await identities.ForAsync(server, caller, cancellationToken)}"),
        { Auth: UpstreamAuth.TokenExchange } => ("Authorization", $"Bearer {await exchange.ForAsync(server, caller, cancellationToken)}"),
        { Auth: UpstreamAuth.OAuth } => Bearer(await AskAsync(() => tokens.ForAsync(server.Connectable, PersonOf(server, caller), cancellationToken)) ?? throw new NotConnectedException()),
        _ => null,
    };

    /// <summary>Another one of the person's own, for a call that was refused with the first.</summary>
    /// <inheritdoc cref="ForAsync" path="/exception"/>
    public async ValueTask<(string Name, string Value)?> AfterRefusalAsync(FrontedServer server, VerifiedCaller caller, (string Name, string Value)? refused, CancellationToken cancellationToken) =>
        Bearer(await AskAsync(async () => await tokens.AfterRefusalAsync(server.Connectable, PersonOf(server, caller), refused!.Value.Value["Bearer ".Length..], cancellationToken)) ?? throw new NotConnectedException());

    /// <summary>The server does not take what it was given.</summary>
    public void WereRefused(FrontedServer server, VerifiedCaller? caller) => exchange.Forget(server, caller);

    private static (string Name, string Value) Bearer(string token) => ("Authorization", $"Bearer {token}");

    private static string PersonOf(FrontedServer server, VerifiedCaller? caller) => caller is null || caller.Subject == caller.ClientId
        ? throw new UpstreamCredentialException($"Gateway:Servers:{server.Name}:Upstream:Auth is OAuth: it is called with the accounts of people, and here nobody calls who could have one.")
        : caller.Subject;

    private static async ValueTask<string?> AskAsync(Func<ValueTask<string?>> ask)
    {
        try
        {
            return await ask();
        }
        catch (AuthorityException exception)
        {
            throw new UpstreamCredentialException(exception.Message);
        }
    }

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

/// <summary>A person has to connect their account first.</summary>
internal sealed class NotConnectedException() : Exception("The person has connected no account.");
