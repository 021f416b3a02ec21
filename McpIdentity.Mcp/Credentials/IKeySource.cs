using Microsoft.IdentityModel.Tokens;

namespace McpIdentity.Mcp.Credentials;

/// <summary>Where the keys of one issuer come from.</summary>
internal interface IKeySource
{
    /// <param name="keyId">The key that a token names; a source that publishes keys may look for news when it does not know it.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>Null when no key could be had: then nobody can be judged.</returns>
    ValueTask<IReadOnlyList<SecurityKey>?> GetAsync(string? keyId, CancellationToken cancellationToken);
}

/// <summary>Keys that are at hand: a secret, or the host's own.</summary>
internal sealed class KeysAtHand(Func<IReadOnlyList<SecurityKey>> keys) : IKeySource
{
    public ValueTask<IReadOnlyList<SecurityKey>?> GetAsync(string? keyId, CancellationToken cancellationToken) => new(keys());
}
