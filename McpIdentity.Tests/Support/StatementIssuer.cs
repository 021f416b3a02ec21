using System.Text.Json;
using Microsoft.IdentityModel.Tokens;

namespace McpIdentity.Tests.Support;

/// <summary>Somebody who signs software statements (RFC 7591 §2.3), and can write one in any way.</summary>
internal sealed class StatementIssuer
{
    public const string Name = "https://publisher.example";

    public SecurityKey Key { get; set; } = SigningClient.NewKey("publisher");

    /// <summary>Registers statements of this issuer with a server.</summary>
    public string[] Settings =>
    [
        $"OAuth:Registration:SoftwareStatements:0:Issuer={Name}", $"OAuth:Registration:SoftwareStatements:0:Jwks={SigningClient.JwksOf(Key)}",
    ];

    /// <param name="claims">What it says of the client, and of itself where that is not usual.</param>
    /// <param name="header">Members of the header that are not usual.</param>
    /// <param name="signWith">Another key than its own.</param>
    public string Sign(object claims, object? header = null, SecurityKey? signWith = null)
    {
        var payload = JsonSerializer.SerializeToNode(claims)!.AsObject();
        payload.TryAdd("iss", Name);
        return SignRaw(payload.ToJsonString(), header, signWith);
    }

    /// <param name="payload">What need not be JSON.</param>
    /// <inheritdoc cref="Sign"/>
    public string SignRaw(string payload, object? header = null, SecurityKey? signWith = null)
    {
        var members = JsonSerializer.SerializeToNode(header ?? new { })!.AsObject();
        members.TryAdd("alg", "ES256");
        members.TryAdd("kid", Key.KeyId);
        return SigningClient.Sign(SigningClient.Encode(members.ToJsonString()) + "." + SigningClient.Encode(payload), (string?)members["alg"], signWith ?? Key);
    }
}
