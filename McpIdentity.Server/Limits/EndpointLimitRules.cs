using McpIdentity.Server.Settings;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Limits;

/// <summary>Refuses limits that would answer nobody.</summary>
internal sealed class EndpointLimitRules : IValidateOptions<McpHostOptions>
{
    public ValidateOptionsResult Validate(string? name, McpHostOptions options)
    {
        var limits = options.RateLimiting;
        var problems = new[]
        {
            (nameof(limits.AuthEndpointMaxRequests), limits.AuthEndpointMaxRequests),
            (nameof(limits.RegistrationMaxRequests), limits.RegistrationMaxRequests),
        }.Where(number => number.Item2 <= 0).Select(number =>
            $"Mcp:RateLimiting:{number.Item1} is {number.Item2}; it must be at least 1. To limit nothing, set Mcp:RateLimiting:Enabled=false.").ToList();
        return problems.Count > 0 ? ValidateOptionsResult.Fail(problems) : ValidateOptionsResult.Success;
    }
}
