using System.Text.Json;
using McpIdentity.Server.Clients.Assertions;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace McpIdentity.Server.Clients.Statements;

/// <summary>RFC 7591 §2.3: what somebody whom the operator trusts has signed about a client. What is kept of one that was checked.</summary>
/// <param name="Issuer">Who signed it.</param>
/// <param name="Vouches">Whether the client is let in by it (<see cref="VouchesFor"/>).</param>
/// <param name="Text">The statement itself; null for a client that came back by its identifier, which does not hold it.</param>
internal sealed record SoftwareStatement(string Issuer, bool Vouches, string? Text)
{
    // In OpenIddict's properties of a client.
    private const string Property = "software_statement";

    /// <param name="properties">OpenIddict's properties of a client.</param>
    /// <returns>The statement that the client registered with, or null.</returns>
    public static SoftwareStatement? Of(IReadOnlyDictionary<string, JsonElement> properties) =>
        properties.TryGetValue(Property, out var value) ? value.Deserialize(ClientsJson.Default.SoftwareStatement) : null;

    /// <param name="properties">The same as they are stored.</param>
    /// <inheritdoc cref="Of"/>
    public static SoftwareStatement? In(string? properties)
    {
        using var document = JsonDocument.Parse(properties ?? "{}");
        return document.RootElement.TryGetProperty(Property, out var value) ? value.Deserialize(ClientsJson.Default.SoftwareStatement) : null;
    }

    public void Store(IDictionary<string, JsonElement> properties) =>
        properties[Property] = JsonSerializer.SerializeToElement(this, ClientsJson.Default.SoftwareStatement);

    /// <summary>
    /// Whoever has got hold of a statement can send it, and it comes with each copy of a program (RFC 7591 §5). So it lets a client in
    /// only where it says itself where the answers go, and of a service, with which key that proves who it is.
    /// </summary>
    /// <param name="claims">What the statement says.</param>
    /// <param name="client">What is to be registered: that, and what stood beside it.</param>
    public static bool VouchesFor(ClientMetadata claims, ClientMetadata client)
    {
        var saysWhere = claims.RedirectUris is { Count: > 0 };
        var saysKeys = client.TokenEndpointAuthMethod == ClientAuthenticationMethods.PrivateKeyJwt && (RegisteredKeys.KeysOf(claims) is not null || claims.JwksUri is not null);
        return (saysWhere || !ClientMetadataRules.UsesAuthorizationCode(client)) &&
            (saysKeys || client.GrantTypes?.Contains(GrantTypes.ClientCredentials) != true);
    }
}
