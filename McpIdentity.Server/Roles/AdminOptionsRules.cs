using McpIdentity.Server.Protocol;
using McpIdentity.Server.Settings;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Roles;

/// <summary>Refuses entries of roles that can mean nobody.</summary>
internal sealed class AdminOptionsRules : IValidateOptions<AdminOptions>
{
    public ValidateOptionsResult Validate(string? name, AdminOptions options)
    {
        var problems = new[]
        {
            (nameof(options.Owners), options.Owners), (nameof(options.Operators), options.Operators), (nameof(options.Auditors), options.Auditors), (nameof(options.Helpdesk), options.Helpdesk),
        }.SelectMany(role => role.Item2.Where(entry => !IsEntry(entry)).Select(entry =>
            $"Admin:{role.Item1} has '{entry}'; it is an e-mail address, a person's sub, or {AdminOptions.Group} and the name of a group.")).ToList();
        if (options.ApiMaxRequests <= 0)
        {
            problems.Add($"Admin:{nameof(options.ApiMaxRequests)} is {options.ApiMaxRequests}; it must be at least 1. To limit nothing, set Mcp:RateLimiting:Enabled=false.");
        }

        return problems.Count > 0 ? ValidateOptionsResult.Fail(problems) : ValidateOptionsResult.Success;
    }

    // A domain would make owners of all that a provider lets in.
    private static bool IsEntry(string entry) =>
        entry.StartsWith(AdminOptions.Group, StringComparison.Ordinal) ? entry.Length > AdminOptions.Group.Length
        : entry.Contains('@', StringComparison.Ordinal) ? entry[0] != '@' && PersonEntry.IsAddressOrDomain(entry)
        : entry.Length > 0 && !entry.Any(c => char.IsWhiteSpace(c) || c == ':');
}
