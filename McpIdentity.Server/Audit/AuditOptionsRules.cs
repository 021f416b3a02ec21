using McpIdentity.Server.Settings;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Audit;

/// <summary>Refuses what the audit cannot mean.</summary>
internal sealed class AuditOptionsRules : IValidateOptions<AuditOptions>
{
    private const int MaxNode = 100;

    private static readonly TimeSpan Shortest = TimeSpan.FromDays(1);

    public ValidateOptionsResult Validate(string? name, AuditOptions options)
    {
        string[] problems =
        [
            .. options.NodeName.Length > MaxNode || options.NodeName.Any(c => c is ':' or ',' or AuditSeal.Separator or <= ' ' or > '~') ? [$"Audit:Node must be 1 to {MaxNode} characters of ASCII, without spaces, colons, commas and #."] : Array.Empty<string>(),
            .. options.NodeName == AuditPruning.Unchained ? ["Audit:Node must not be 'earlier': the acts of before there were chains stand under it."] : Array.Empty<string>(),
            .. options.KeepFor < Shortest ? ["Audit:KeepFor must be a day at least, such as 400.00:00:00."] : Array.Empty<string>(),
        ];
        return problems.Length > 0 ? ValidateOptionsResult.Fail(problems) : ValidateOptionsResult.Success;
    }
}
