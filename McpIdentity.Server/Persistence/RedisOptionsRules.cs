using McpIdentity.Server.Settings;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Persistence;

/// <summary>Refuses an address of Redis that no connection could be made to.</summary>
internal sealed class RedisOptionsRules : IValidateOptions<OAuthServerOptions>
{
    private const string Section = "OAuth:SessionStorage:Redis";

    public ValidateOptionsResult Validate(string? name, OAuthServerOptions options)
    {
        var redis = options.SessionStorage.Redis;
        string[] problems = [.. Check(redis)];
        return problems.Length > 0 ? ValidateOptionsResult.Fail(problems) : ValidateOptionsResult.Success;
    }

    private static IEnumerable<string> Check(RedisOptions redis)
    {
        if (redis.Host is { Length: > 0 } host && Uri.CheckHostName(host.Trim('[', ']')) == UriHostNameType.Unknown)
        {
            // Not the value: whoever puts a URL there puts the password there too.
            yield return $"{Section}:Host (REDIS_HOST) is no host name: the port goes into REDIS_PORT, and a whole address into REDIS_URL.";
        }

        if (redis.Port is < 1 or > 65535)
        {
            yield return $"{Section}:Port (REDIS_PORT) must be between 1 and 65535 (is {redis.Port}).";
        }

        if (redis.Db < 0)
        {
            yield return $"{Section}:Db (REDIS_DB) must be 0 or more (is {redis.Db}).";
        }
    }
}
