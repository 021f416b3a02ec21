using System.Net;
using McpIdentity.Mcp.Audit;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace McpIdentity.Mcp.Options;

/// <summary>Rate limits and the security log: on in Production where nothing is said, refused where they could not work.</summary>
internal sealed class GuardRules(IHostEnvironment environment) : IPostConfigureOptions<McpOptions>, IValidateOptions<McpOptions>
{
    public void PostConfigure(string? name, McpOptions options)
    {
        options.RateLimiting.Enabled ??= environment.IsProduction();
        options.SecurityLogging.Enabled ??= environment.IsProduction();
    }

    public ValidateOptionsResult Validate(string? name, McpOptions options)
    {
        string[] problems = [.. CheckLimits(options.RateLimiting), .. CheckLog(options.SecurityLogging)];
        return problems.Length == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(problems);
    }

    private static IEnumerable<string> CheckLimits(McpRateLimitOptions limits)
    {
        (string Name, int Value)[] numbers =
        [
            (nameof(limits.WindowMs), limits.WindowMs),
            (nameof(limits.MaxRequests), limits.MaxRequests),
            (nameof(limits.MaxToolCalls), limits.MaxToolCalls),
        ];
        return
        [
            .. numbers.Where(number => number.Value <= 0).Select(number =>
                $"Mcp:RateLimiting:{number.Name} is {number.Value}; it must be at least 1. To limit nothing, set Mcp:RateLimiting:Enabled=false."),
            .. limits.SharedNetworks.Where(network => !IPNetwork.TryParse(network, out _)).Select(network =>
                $"Mcp:RateLimiting:SharedNetworks has '{network}', which is no network such as 192.0.2.0/24."),
        ];
    }

    private static IEnumerable<string> CheckLog(SecurityLoggingOptions log)
    {
        var isSane = true;
        foreach (var (setting, value) in new[] { (nameof(log.MaxFileSizeBytes), log.MaxFileSizeBytes), (nameof(log.MaxFiles), log.MaxFiles) })
        {
            if (value <= 0)
            {
                isSane = false;
                yield return $"Mcp:SecurityLogging:{setting} is {value}; it must be at least 1.";
            }
        }

        if (log is not { Enabled: true, LogToFile: true })
        {
            yield break;
        }

        if (string.IsNullOrWhiteSpace(log.LogFilePath))
        {
            yield return "Mcp:SecurityLogging:LogFilePath is empty; Mcp:SecurityLogging:LogToFile needs it.";
        }
        else if (isSane && new SecurityLogFile(log.LogFilePath, log.MaxFileSizeBytes, log.MaxFiles).Prepare() is { } problem)
        {
            yield return $"Mcp:SecurityLogging:LogFilePath '{log.LogFilePath}' cannot be written: {problem}";
        }
    }
}
