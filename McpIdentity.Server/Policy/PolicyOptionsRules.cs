using McpIdentity.Server.Settings;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Policy;

/// <summary>Refuses a policy that says something that it cannot mean, in the settings and in the file that they name.</summary>
internal sealed class PolicyOptionsRules : IValidateOptions<PolicyOptions>
{
    public ValidateOptionsResult Validate(string? name, PolicyOptions options)
    {
        string[] problems =
        [
            .. PolicyCheck.Problems(options),
            .. options.GroupClaims.Where(string.IsNullOrWhiteSpace).Select(_ => "Policy:GroupClaims has an entry that says nothing."),
            .. options.File is { } file ? PolicyCheck.Problems(PolicyFile.Read(file), options).Select(problem => $"Policy:File ({file}): {problem}") : [],
        ];
        return problems.Length > 0 ? ValidateOptionsResult.Fail(problems) : ValidateOptionsResult.Success;
    }
}
