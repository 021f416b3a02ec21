using System.Security.Cryptography;
using System.Text;
using McpIdentity.Mcp;
using McpIdentity.Mcp.Audit;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Keys;
using McpIdentity.Server.Persistence;
using McpIdentity.Server.Protocol;
using McpIdentity.Server.Roles;
using Microsoft.IdentityModel.Tokens;

namespace McpIdentity.Server.Administration;

/// <summary>
/// The links that make whoever opens one and signs in an owner: for the first start, and for whoever runs the machine and has lost every
/// owner. There is no default password that could stay. 256 random bits, of which a hash is stored; once, and within half an hour.
/// </summary>
internal sealed class SetupLinks(PreparedSql sql, AdminRoles roles, IServiceProvider services, OperatorRecord record, EncryptionKeys keys, PublicAddress address, TimeProvider time)
{
    public static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(30);

    private const string Purpose = "setup links";
    private const string Select = """SELECT "CreatedAt", "ExpiresAt", "UsedAt" FROM "SetupLinks" WHERE "Hash" = $1""";
    private const string Insert = """INSERT INTO "SetupLinks" ("Hash", "CreatedAt", "ExpiresAt") VALUES ($1, $2, $3)""";
    private const string Use = """UPDATE "SetupLinks" SET "UsedAt" = $1 WHERE "Hash" = $2 AND "UsedAt" IS NULL AND "ExpiresAt" > $1""";
    private const string Forget = """DELETE FROM "SetupLinks" WHERE "ExpiresAt" < $1""";

    /// <summary>The parameter of the page.</summary>
    public const string Parameter = "t";

    /// <summary>Whether such a link may travel: encrypted, or not at all.</summary>
    public bool MayTravel => address.IsHttps || Loopback.IsHost(address.BaseUri.Host);

    /// <returns>The link; null where an owner is there already, or it would travel in the clear.</returns>
    public async Task<string?> CreateForFirstStartAsync(CancellationToken cancellationToken) =>
        MayTravel && !await roles.AnyOwnerAsync(cancellationToken) ? await CreateAsync(Operator.OfThisMachine) : null;

    /// <summary>Makes one.</summary>
    public async Task<string> CreateAsync(Operator by)
    {
        var (token, now) = (Base64UrlEncoder.Encode(RandomNumberGenerator.GetBytes(32)), time.GetUtcNow());
        await sql.WriteAsync(Forget, now - Lifetime);
        await sql.WriteAsync(Insert, HashOf(token), now, now + Lifetime);
        await record.WriteAsync(by, SecurityEvent.Success("setup_link_created"));
        return address.UrlOf($"{Paths.Setup}?{Parameter}={token}");
    }

    /// <summary>The hash of a link, closed: what goes through the sign-in instead of the link itself.</summary>
    public string Close(byte[] hash) => keys.Protect(Purpose, hash);

    /// <summary>What a page was opened with: a link, or one that went through the sign-in; null where it is neither.</summary>
    public byte[]? HashIn(string? token, string? closed) => closed is not null ? keys.Unprotect(Purpose, closed) : string.IsNullOrEmpty(token) ? null : HashOf(token);

    /// <summary>The link as it was made; null where there is none, or it went long ago.</summary>
    public async Task<SetupLink?> FindAsync(byte[] hash, CancellationToken cancellationToken) => await sql.ReadAsync(
        Select, [hash], row => new SetupLink { Hash = hash, CreatedAt = sql.Moment(row, 0), ExpiresAt = sql.Moment(row, 1), UsedAt = row.IsDBNull(2) ? null : sql.Moment(row, 2) }, cancellationToken);

    /// <summary>Makes somebody an owner.</summary>
    /// <returns>False where the link was used meanwhile, or is too old.</returns>
    public async Task<bool> UseAsync(byte[] hash, string userId, string name, CancellationToken cancellationToken)
    {
        if (await sql.WriteAsync(Use, time.GetUtcNow(), hash) == 0)
        {
            return false;
        }

        var by = new Operator(name, userId, AdminRole.Owner, Operator.BySetupLink);
        await record.WriteAsync(by, SecurityEvent.Success("setup_link_used") with { Subject = userId });
        // Not a part of its own: it brings EF Core, which a start that only makes a link has no use for.
        return (await services.GetRequiredService<RoleActs>().GrantAsync(by, userId, AdminRole.Owner, cancellationToken)).Problem is null;
    }

    private static byte[] HashOf(string token) => SHA256.HashData(Encoding.UTF8.GetBytes(token));
}
