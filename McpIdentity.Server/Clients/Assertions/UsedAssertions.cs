using System.Security.Cryptography;
using System.Text;
using McpIdentity.Server.Persistence;
using Microsoft.IdentityModel.Tokens;

namespace McpIdentity.Server.Clients.Assertions;

/// <summary>
/// RFC 7523 §3: an assertion is good once, on whichever node. The key of the row decides between two that come at once; it costs
/// one insert a request, of clients that authenticate so.
/// </summary>
internal sealed class UsedAssertions(PreparedSql sql)
{
    private const string Insert = """
        INSERT INTO "UsedAssertions" ("Id", "ExpiresAt") VALUES ($1, $2) ON CONFLICT DO NOTHING
        """;

    /// <param name="clientId">Whose it is: two clients may choose one <c>jti</c>.</param>
    /// <param name="tokenId">Its <c>jti</c>.</param>
    /// <param name="goodUntil">From when on it would be refused as expired.</param>
    /// <returns>Whether this was the first time.</returns>
    public async Task<bool> TrySpendAsync(string clientId, string tokenId, DateTimeOffset goodUntil) =>
        await sql.WriteAsync(Insert, Base64UrlEncoder.Encode(SHA256.HashData(Encoding.UTF8.GetBytes($"{clientId}\n{tokenId}"))), goodUntil) == 1;
}
