using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using McpIdentity.Server.Persistence;
using McpIdentity.Server.Protocol;
using McpIdentity.Server.Settings;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.Tokens;

namespace McpIdentity.Server.Clients;

/// <summary>
/// RFC 7591 §3: tokens that the operator hands to those who may register clients. One may stand in the configuration; the
/// others are made by <c>clients tokens create</c>, each with a name, and kept as a hash.
/// </summary>
internal sealed class InitialAccessTokens(PreparedSql sql, IOptions<OAuthServerOptions> options, TimeProvider time)
{
    /// <summary>What the token of <c>OAuth:Registration:InitialAccessToken</c> is called. No other may be called so.</summary>
    public const string Configured = "configuration";

    /// <summary>How each begins.</summary>
    public const string Prefix = "mcpi_";

    // In OpenIddict's properties of a client.
    private const string Property = "initial_access_token";

    // That it is good at a moment.
    private const string Good = """
        "Id" = $1 AND "RevokedAt" IS NULL AND ("ExpiresAt" IS NULL OR "ExpiresAt" > $2) AND ("MaxUses" IS NULL OR "Uses" < "MaxUses")
        """;

    private const string SelectName = $"""
        SELECT "Name" FROM "InitialAccessTokens" WHERE {Good}
        """;

    private const string CountUse = $"""
        UPDATE "InitialAccessTokens" SET "Uses" = "Uses" + 1, "LastUsedAt" = $2 WHERE {Good}
        """;

    private readonly RegistrationOptions _options = options.Value.Registration;

    /// <summary>256 random bits, recognisable for secret scanners.</summary>
    public static string Generate() => Prefix + Base64UrlEncoder.Encode(RandomNumberGenerator.GetBytes(32));

    /// <summary>What is kept of a token. It is made of 256 random bits, so no slow hash.</summary>
    public static string HashOf(string token) => Base64UrlEncoder.Encode(SHA256.HashData(Encoding.UTF8.GetBytes(token)));

    /// <summary>Writes down which token registered a client.</summary>
    /// <param name="properties">OpenIddict's properties of the client.</param>
    /// <param name="name">The token's name.</param>
    public static void Store(IDictionary<string, JsonElement> properties, string name) => properties[Property] = JsonSerializer.SerializeToElement(name);

    /// <param name="properties">OpenIddict's properties of a client, as they are stored.</param>
    /// <returns>The name of the token that registered it, or null.</returns>
    public static string? NameIn(string? properties)
    {
        using var document = JsonDocument.Parse(properties ?? "{}");
        return document.RootElement.TryGetProperty(Property, out var name) ? name.GetString() : null;
    }

    /// <param name="request">A registration.</param>
    /// <param name="cancellationToken">Ends the work.</param>
    /// <returns>The token that it came with, or why it is refused; neither where it needs none, or may have a software statement for it.</returns>
    public async Task<(Presented? Token, OAuthError? Refusal)> FindAsync(HttpRequest request, CancellationToken cancellationToken)
    {
        if (BearerToken.Of(request) is not { } token)
        {
            // Where statements are taken, one may vouch for the client in its place.
            return (null, Policy == RegistrationPolicy.Token && _options.SoftwareStatements.Count == 0 ? Refuse(request) : null);
        }

        if (_options.InitialAccessToken is { Length: > 0 } configured && IsSame(token, configured))
        {
            return (new Presented(Configured, Id: null), null);
        }

        var id = HashOf(token);
        if (await sql.ReadAsync(SelectName, [id, time.GetUtcNow()], row => row.GetString(0), cancellationToken) is { } name)
        {
            return (new Presented(name, id), null);
        }

        // Where anybody may register a header that says nothing is no reason to refuse.
        return (null, Policy == RegistrationPolicy.Open ? null : Refuse(request));
    }

    /// <summary>Counts one use, in the transaction of its registration; changes no row when it has none left, has expired or was revoked meanwhile.</summary>
    public (string Sql, object?[] Values) Spend(string id) => (CountUse, [id, time.GetUtcNow()]);

    public static OAuthError Refuse(HttpRequest request) =>
        BearerToken.Refuse(request, "Registration needs an initial access token of this server's operator, one that has not expired and has uses left.");

    private RegistrationPolicy Policy => _options.PolicyInForce();

    private static bool IsSame(string left, string right) =>
        CryptographicOperations.FixedTimeEquals(SHA256.HashData(Encoding.UTF8.GetBytes(left)), SHA256.HashData(Encoding.UTF8.GetBytes(right)));

    /// <summary>A token that came with a registration and is good.</summary>
    /// <param name="Name">Its name.</param>
    /// <param name="Id">Its row, where its uses are counted; null for the one of the configuration.</param>
    public sealed record Presented(string Name, string? Id);
}
