using McpIdentity.Migrations.Entities;

namespace McpIdentity.Server.Keys;

/// <summary>What the dates of signing keys mean at one moment.</summary>
internal static class SigningKeyState
{
    /// <summary>The keys to publish, the one that signs first: of those that may sign, the one that began last.</summary>
    public static IReadOnlyList<SigningKey> InForce(IEnumerable<SigningKey> stored, DateTimeOffset now) =>
    [
        .. stored.Where(key => key.RetiresAt is null || key.RetiresAt > now)
            .OrderBy(key => key.ActivatesAt > now)
            .ThenByDescending(key => key.ActivatesAt)
            // Of keys that begin at once the choice is the same on every node.
            .ThenBy(key => key.Id, StringComparer.Ordinal),
    ];

    /// <returns><c>next</c>, <c>current</c>, <c>previous</c> or <c>retired</c>.</returns>
    public static string WordFor(SigningKey key, IReadOnlyCollection<SigningKey> stored, DateTimeOffset now) =>
        key.RetiresAt <= now ? "retired"
        : key.ActivatesAt > now ? "next"
        : key.Id == InForce(stored, now)[0].Id ? "current"
        : "previous";
}
