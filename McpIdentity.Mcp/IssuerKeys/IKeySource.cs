using Microsoft.IdentityModel.Tokens;

namespace McpIdentity.Mcp.IssuerKeys;

/// <summary>Where the keys of one issuer come from.</summary>
internal interface IKeySource
{
    /// <returns>Null when no key could be had: then nobody can be judged.</returns>
    ValueTask<IReadOnlyList<SecurityKey>?> GetAsync(CancellationToken cancellationToken);

    /// <summary>For a token that none of the keys has signed: its issuer may have new ones.</summary>
    /// <returns>Null when there are no others.</returns>
    ValueTask<IReadOnlyList<SecurityKey>?> GetNewerAsync(IReadOnlyList<SecurityKey> tried, CancellationToken cancellationToken);
}

/// <summary>Keys that are at hand: a secret, or the host's own.</summary>
internal sealed class KeysAtHand(Func<IReadOnlyList<SecurityKey>> keys) : IKeySource
{
    public ValueTask<IReadOnlyList<SecurityKey>?> GetAsync(CancellationToken cancellationToken) => new(keys());

    public ValueTask<IReadOnlyList<SecurityKey>?> GetNewerAsync(IReadOnlyList<SecurityKey> tried, CancellationToken cancellationToken) => new((IReadOnlyList<SecurityKey>?)null);
}
