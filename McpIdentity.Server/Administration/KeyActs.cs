using McpIdentity.Mcp.Audit;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Keys;
using Microsoft.IdentityModel.Tokens;

namespace McpIdentity.Server.Administration;

/// <summary>A key that signs tokens, will, or has.</summary>
/// <param name="Id">The <c>kid</c>.</param>
/// <param name="Algorithm">ES256 or RS256.</param>
/// <param name="State"><c>next</c>, <c>current</c>, <c>previous</c> or <c>retired</c>.</param>
/// <param name="CreatedAt">Since when it is published.</param>
/// <param name="SignsFrom">From when on it signs, until a later one does.</param>
/// <param name="EndsAt">When it is published no more, and every token that it signed has ended; null while no later key exists.</param>
internal sealed record KeyView(string Id, string Algorithm, string State, DateTimeOffset CreatedAt, DateTimeOffset SignsFrom, DateTimeOffset? EndsAt);

/// <summary>The public half of a key, as the key set has it (RFC 7517 §4).</summary>
internal sealed record PublicKeyView(string Kty, string Use, string Alg, string Kid, string? Crv, string? X, string? Y, string? N, string? E);

/// <summary>The keys that sign tokens.</summary>
internal sealed class KeyActs(SigningKeyStore store, SigningKeyRing ring, NodeRegister nodes, OperatorRecord record, TimeProvider time)
{
    /// <summary>All that there are, the newest first.</summary>
    public async Task<IReadOnlyList<KeyView>> ListAsync(CancellationToken cancellationToken) => ViewsOf(await store.ReadAsync(cancellationToken));

    /// <summary>Adds a key that will sign; the others verify until their tokens have expired.</summary>
    /// <param name="by">Who does.</param>
    /// <param name="now">As soon as every node has read it, instead of when others' copies of the key set have expired too.</param>
    /// <param name="endOthers">For a key that has leaked: all others end when the new one begins, and every token that they signed.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    public async Task<Outcome<IReadOnlyList<KeyView>>> RotateAsync(Operator by, bool now, bool endOthers, CancellationToken cancellationToken)
    {
        List<SigningKey> keys;
        try
        {
            await nodes.AgreeAsync(cancellationToken); // a key that no server can read would end signing
            keys = await store.RotateAsync(now || endOthers ? SigningKeyStore.ShortestLead : SigningKeyStore.Lead, endOthers, cancellationToken);
        }
        catch (InvalidOperationException exception) when (exception.Source == typeof(KeyActs).Assembly.GetName().Name) // too many, or another server with another encryption key: the words are for an operator
        {
            return AdminProblem.Conflict("keys_not_rotated", exception.Message);
        }

        await record.WriteAsync(by, SecurityEvent.Success("keys_rotated") with { Reason = endOthers ? "all others end" : null });
        return new(ViewsOf(keys), null);
    }

    /// <summary>The key set as it is published from here on.</summary>
    public IReadOnlyList<PublicKeyView> Published() => [.. ring.SigningKeys.Select(PublicHalfOf)];

    private static PublicKeyView PublicHalfOf(SecurityKey key)
    {
        // Member by member: the converter takes the private half along.
        var jwk = JsonWebKeyConverter.ConvertFromSecurityKey(key);
        return new PublicKeyView(jwk.Kty, "sig", key is RsaSecurityKey ? SecurityAlgorithms.RsaSha256 : SecurityAlgorithms.EcdsaSha256, key.KeyId, jwk.Crv, jwk.X, jwk.Y, jwk.N, jwk.E);
    }

    private List<KeyView> ViewsOf(List<SigningKey> stored)
    {
        var now = time.GetUtcNow();
        return stored.OrderByDescending(key => key.ActivatesAt).ToList()
            .ConvertAll(key => new KeyView(key.Id, key.Algorithm, SigningKeyState.WordFor(key, stored, now), key.CreatedAt, key.ActivatesAt, key.RetiresAt));
    }
}
