using StackExchange.Redis;

namespace McpIdentity.Server.Persistence;

/// <summary>What Redis, or the library for it, says by which exception.</summary>
internal static class RedisFaults
{
    /// <summary>Whether Redis failed, and not the program.</summary>
    // That it knows its server as a replica it says by an exception of another family; ObjectDisposedException: replaced meanwhile.
    public static bool IsOne(Exception exception) => exception is RedisException or RedisCommandException or TimeoutException or ObjectDisposedException;

    /// <summary>Whether it answers, with a refusal.</summary>
    public static bool IsAnswer(Exception exception) => exception is RedisServerException or RedisCommandException;

    /// <summary>Whether the server was the primary and is none any more. Others that answer (full, loading) are tried by whoever comes: it costs no wait.</summary>
    public static bool IsReplica(Exception exception) => exception is RedisCommandException ||
        (exception is RedisServerException && exception.Message.StartsWith("READONLY", StringComparison.Ordinal));

    /// <summary>Whether it reads its data from the disk: it answers every command with that word.</summary>
    public static bool IsLoading(Exception exception) => exception.ToString().Contains("LOADING", StringComparison.Ordinal);
}
