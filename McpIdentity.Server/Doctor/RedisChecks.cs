using McpIdentity.Server.Operations;
using McpIdentity.Server.Persistence;
using McpIdentity.Server.Settings;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Doctor;

/// <summary>Redis, where the settings name one.</summary>
internal static class RedisChecks
{
    private static readonly Check Reach = new("redis.reach", Verdict.Fail, "Does Redis answer, and take a write?", "Does it run, and are REDIS_HOST, REDIS_PORT, REDIS_PASSWORD and REDIS_TLS right?", "docs/operations.md, \"When the database or Redis is away\"");

    private static readonly Check Eviction = new("redis.eviction", Verdict.Warn, "Does Redis keep the sessions when it is full?", "Set maxmemory-policy noeviction: any other policy signs people out in place of saying that it is full.",
        "docs/operations.md, \"When the database or Redis is away\"");

    public static Examination Examination { get; } = new([Reach, Eviction], RunAsync);

    private static async Task<IReadOnlyList<CheckResult>> RunAsync(Patient patient, CancellationToken cancellationToken)
    {
        var redis = patient.Get<RedisConnection>();
        if (!redis.IsConfigured)
        {
            return [];
        }

        var holdsSessions = patient.Get<IOptions<OAuthServerOptions>>().Value.SessionStorage.Type == SessionStorageType.Redis;
        var reached = await Patient.TryAsync(Reach, async () =>
        {
            if (!await redis.TryOpenAsync().WaitAsync(Patient.Patience, cancellationToken))
            {
                return holdsSessions ? Reach.Bad("Redis does not answer: nobody can sign in") : Reach.Warn("Redis does not answer: limits are counted by each server for itself");
            }

            await redis.CheckAsync().WaitAsync(Patient.Patience, cancellationToken); // by a write
            return Reach.Pass("Redis is reached and can be written");
        });
        return reached.Verdict == Verdict.Pass && holdsSessions ? [reached, await Patient.TryAsync(Eviction, () => EvictionAsync(redis))] : [reached];
    }

    private static async Task<CheckResult> EvictionAsync(RedisConnection redis)
    {
        var policy = await redis.MemoryPolicyAsync().WaitAsync(Patient.Patience);
        return Eviction.Judge(policy is null or "noeviction", $"maxmemory-policy is {policy ?? "not to be seen"}", $"maxmemory-policy is {policy}");
    }
}
