using McpIdentity.Server.Federation;
using McpIdentity.Server.Settings;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Authorization;

/// <summary>Refuses an entry of <c>Mcp:AdminProviders</c> that names no provider: it would count for nothing.</summary>
internal sealed class AdministratorRules(IOptions<OAuthServerOptions> oauth) : IValidateOptions<McpHostOptions>
{
    public ValidateOptionsResult Validate(string? name, McpHostOptions options)
    {
        if (options.AdminProviders.Count == 0)
        {
            return ValidateOptionsResult.Success;
        }

        string[] known = [.. UpstreamProvider.ListFrom(oauth.Value).Select(provider => provider.Id), DemoProvider.Name];
        string[] problems = [.. options.AdminProviders.Where(provider => !known.Contains(provider, StringComparer.OrdinalIgnoreCase))
            .Select(provider => $"Mcp:AdminProviders holds '{provider}', which is no sign-in provider of this server; there are {string.Join(", ", known)}.")];
        return problems.Length > 0 ? ValidateOptionsResult.Fail(problems) : ValidateOptionsResult.Success;
    }
}
