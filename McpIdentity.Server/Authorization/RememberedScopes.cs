using System.Security.Cryptography;
using System.Text;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Clients;
using McpIdentity.Server.Persistence;
using Microsoft.IdentityModel.Tokens;

namespace McpIdentity.Server.Authorization;

/// <summary>What stands in a remembered consent (<see cref="Consents"/>), for whoever only reads it.</summary>
internal sealed class RememberedScopes(PreparedSql sql)
{
    private const string Select = """
        SELECT "Scopes", "GrantedAt", "LastScopes", "Tools" FROM "RememberedConsents" WHERE "Id" = $1
        """;

    /// <summary>What a person has allowed.</summary>
    /// <param name="Scopes">All that was ever allowed and not taken back.</param>
    /// <param name="GrantedAt">When the person last pressed Allow.</param>
    /// <param name="LastScopes">What they allowed then.</param>
    /// <param name="Tools">The tools that they left to the client; null: all that its scopes open.</param>
    internal sealed record Remembered(string[] Scopes, DateTimeOffset GrantedAt, string[] LastScopes, string[]? Tools);

    /// <returns>Null where nothing is remembered, as of a client that is asked about each time.</returns>
    public ValueTask<Remembered?> FindAsync(string userId, string clientId, string redirectUri, string resource, CancellationToken cancellationToken) =>
        sql.ReadAsync(Select, [IdOf(userId, clientId, redirectUri, resource)], row => new Remembered(
            row.GetString(0).Split(' '), sql.Moment(row, 1), row.GetString(2).Split(' '), ParseTools(row.IsDBNull(3) ? null : row.GetString(3))), cancellationToken);

    /// <summary>The names in <see cref="Consent.Tools"/>.</summary>
    public static string[]? ParseTools(string? tools) => tools?.Split('\n', StringSplitOptions.RemoveEmptyEntries);

    /// <summary>The key of the row.</summary>
    // None of the parts can have a line break in it.
    public static string IdOf(string userId, string clientId, string redirectUri, string resource) => Base64UrlEncoder.Encode(SHA256.HashData(Encoding.UTF8.GetBytes(
        string.Join('\n', userId, clientId, RedirectUris.WithoutLoopbackPort(redirectUri), resource))));
}
