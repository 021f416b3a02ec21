using McpIdentity.Mcp;
using McpIdentity.Server.Settings;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Hosting;

/// <summary>Refuses origins that no browser sends, entries beside <c>*</c>, and credentials from everywhere (LINK-16).</summary>
internal sealed class CorsSettingsRules : IValidateOptions<CorsSettings>
{
    public ValidateOptionsResult Validate(string? name, CorsSettings options)
    {
        var problems = options.Origin.Select(Origins.FlawOf).OfType<string>().Select(flaw => $"Cors:Origin (CORS_ORIGIN): {flaw}.").ToList();
        if (options.Origin.Contains(CorsSettings.Anyone) && options.Origin.Count > 1)
        {
            problems.Add("Cors:Origin (CORS_ORIGIN) has * and other entries, which have no effect beside it.");
        }

        if (options is { Credentials: true, AllowsAnyone: true })
        {
            problems.Add("Cors:Credentials needs a list of origins in Cors:Origin (CORS_ORIGIN): with * every web page could act for a person.");
        }

        return problems.Count > 0 ? ValidateOptionsResult.Fail(problems) : ValidateOptionsResult.Success;
    }
}
