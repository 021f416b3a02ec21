using System.Data.Common;
using System.Security.Cryptography;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Persistence;
using McpIdentity.Server.Settings;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.Tokens;

namespace McpIdentity.Server.Keys;

/// <summary>
/// The signing keys in the database. Whoever adds one holds the database's lock on them: of nodes that start or rotate at
/// once, one does and the others find its key.
/// </summary>
internal sealed class SigningKeyStore(
    PreparedSql sql, SigningKeyRing ring, EncryptionKeys encryption, TimeProvider time, IOptions<OAuthServerOptions> options)
{
    public const string Purpose = "signing keys";

    private const string Select = """SELECT "Id", "Algorithm", "ProtectedKey", "CreatedAt", "ActivatesAt", "RetiresAt" FROM "SigningKeys" """;
    private const string Retire = """UPDATE "SigningKeys" SET "RetiresAt" = $1 WHERE "Id" = $2""";
    private const string Insert = """INSERT INTO "SigningKeys" ("Id", "Algorithm", "ProtectedKey", "CreatedAt", "ActivatesAt") VALUES ($1, $2, $3, $4, $5)""";

    /// <summary>How long a new key is published before it signs: as long as clients may keep our key set, and a reserve.</summary>
    public static readonly TimeSpan Lead = TimeSpan.FromMinutes(6);

    /// <summary>The least that it is published: every node of ours has read it by then.</summary>
    public static readonly TimeSpan ShortestLead = 5 * SigningKeyRotation.Interval;

    // Beyond the lifetime of the tokens that it signed: the age of key sets in caches, and the skew that validation allows.
    private static readonly TimeSpan Overlap = TimeSpan.FromMinutes(6);

    // OpenIddict sorts its credentials in a way that keeps our order only for short lists; nobody has use for more.
    private const int MaxPublished = 12;

    // The client sorts: SQLite and PostgreSQL agree on the order of moments only there, and the list is short.
    public async Task<List<SigningKey>> ReadAsync(CancellationToken cancellationToken) =>
        ring.Usable(await sql.ListAsync(Select, [], Read, cancellationToken));

    /// <summary>All usable keys; the first one is made where there is none, and a new one where the algorithm was changed by configuration.</summary>
    public async Task<List<SigningKey>> StartAsync(CancellationToken cancellationToken)
    {
        var stored = await ReadAsync(cancellationToken);
        return stored.Count == 0 || Newest(stored).Algorithm != Algorithm
            ? await AddAsync(Lead, keys => keys.Count == 0 || Newest(keys).Algorithm != Algorithm, cancellationToken)
            : stored;
    }

    /// <summary>Adds the key that follows, if the newest one has served its time.</summary>
    public async Task<List<SigningKey>> RotateIfDueAsync(CancellationToken cancellationToken)
    {
        var stored = await ReadAsync(cancellationToken);
        return IsDue(stored) ? await AddAsync(Lead, IsDue, cancellationToken) : stored;
    }

    /// <summary>Adds a key that signs after <paramref name="lead"/>.</summary>
    /// <param name="lead">At least <see cref="ShortestLead"/>.</param>
    /// <param name="endOthers">Whether all other keys end at that moment, and every token that they signed.</param>
    /// <param name="cancellationToken">Ends the wait for the lock.</param>
    /// <exception cref="InvalidOperationException">Too many keys are published.</exception>
    public Task<List<SigningKey>> RotateAsync(TimeSpan lead, bool endOthers, CancellationToken cancellationToken) =>
        AddAsync(lead, _ => true, cancellationToken, endOthers);

    private string Algorithm => options.Value.SigningAlgorithm.ToString();

    private static SigningKey Newest(IEnumerable<SigningKey> keys) => keys.MaxBy(key => key.ActivatesAt)!;

    private bool IsDue(IReadOnlyCollection<SigningKey> keys) => options.Value.SigningKeyRotation > TimeSpan.Zero &&
        keys.Count > 0 && Newest(keys).ActivatesAt + options.Value.SigningKeyRotation <= time.GetUtcNow() + Lead;

    private async Task<List<SigningKey>> AddAsync(
        TimeSpan lead, Func<IReadOnlyCollection<SigningKey>, bool> isWanted, CancellationToken cancellationToken, bool endOthers = false)
    {
        // Made before the lock is taken: an RSA key takes its time.
        var (id, pkcs8) = (Base64UrlEncoder.Encode(RandomNumberGenerator.GetBytes(16)), NewKey(Algorithm));
        await using var work = await sql.BeginWorkAsync("signing keys", cancellationToken);
        var stored = await ReadAsync(cancellationToken);
        var now = time.GetUtcNow();
        if (!isWanted(stored))
        {
            return stored;
        }

        if (SigningKeyState.InForce(stored, now).Count >= MaxPublished)
        {
            throw new InvalidOperationException($"{MaxPublished} signing keys are published already. Wait until some of them retire: keys list.");
        }

        var key = new SigningKey
        {
            Id = id,
            Algorithm = Algorithm,
            ProtectedKey = encryption.Protect(Purpose, pkcs8),
            CreatedAt = now,
            ActivatesAt = stored.Count == 0 ? now : now + lead,
        };
        var retiring = stored.FindAll(other => other.RetiresAt is null || (endOthers && other.RetiresAt > key.ActivatesAt));
        foreach (var other in retiring)
        {
            other.RetiresAt = endOthers ? key.ActivatesAt : key.ActivatesAt + options.Value.AccessTokenLifetime + Overlap;
        }

        if (!await sql.WriteTogetherAsync(
        [
            .. retiring.Select(other => (Retire, new object?[] { other.RetiresAt, other.Id })),
            (Insert, [key.Id, key.Algorithm, key.ProtectedKey, key.CreatedAt, key.ActivatesAt]),
        ]))
        {
            throw new InvalidOperationException("A signing key was deleted while another one was added. Nothing was changed; it is tried again, or try it again.");
        }

        stored.Add(key);
        return stored;
    }

    private SigningKey Read(DbDataReader row) => new()
    {
        Id = row.GetString(0),
        Algorithm = row.GetString(1),
        ProtectedKey = row.GetString(2),
        CreatedAt = sql.Moment(row, 3),
        ActivatesAt = sql.Moment(row, 4),
        RetiresAt = row.IsDBNull(5) ? null : sql.Moment(row, 5),
    };

    private static byte[] NewKey(string algorithm)
    {
        if (algorithm == SecurityAlgorithms.RsaSha256)
        {
            using var rsa = RSA.Create(2048);
            return rsa.ExportPkcs8PrivateKey();
        }

        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        return key.ExportPkcs8PrivateKey();
    }
}
