using OpenIddict.Abstractions;

namespace McpIdentity.Server.Clients;

/// <summary>
/// OpenIddict's description of a client, with its redirect URIs as they were written: a set of <see cref="Uri"/> holds
/// <c>https://a/cb</c> and <c>https://a:443/cb</c> for one, and both were registered (RFC 7591 §3.2.1).
/// </summary>
internal sealed class ClientDescriptor : OpenIddictApplicationDescriptor
{
    public IReadOnlyList<string> WrittenRedirectUris { get; set; } = [];

    /// <summary>Its key set as it is stored (<see cref="Assertions.ClientKeySets"/>).</summary>
    public string? WrittenKeySet { get; set; }
}
