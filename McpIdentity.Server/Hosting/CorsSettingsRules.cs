using McpIdentity.Server.Settings;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Hosting;

/// <summary>Refuses origins that no browser sends, and credentials from everywhere (LINK-16).</summary>
internal sealed class CorsSettingsRules : IValidateOptions<CorsSettings>
{
    public ValidateOptionsResult Validate(string? name, CorsSettings options)
    {
        var problems = options.Origin.Where(origin => origin != CorsSettings.Anyone && !IsOrigin(origin))
            .Select(origin => $"Cors:Origin (CORS_ORIGIN) has '{origin}', which is no origin such as https://app.example.org.").ToList();
        if (options is { Credentials: true, AllowsAnyone: true })
        {
            problems.Add("Cors:Credentials needs a list of origins in Cors:Origin (CORS_ORIGIN): with * every web page could act for a person.");
        }

        return problems.Count > 0 ? ValidateOptionsResult.Fail(problems) : ValidateOptionsResult.Success;
    }

    private static bool IsOrigin(string text) =>
        Uri.TryCreate(text, UriKind.Absolute, out var url) && url.Scheme is "http" or "https" && string.Equals(url.GetLeftPart(UriPartial.Authority), text, StringComparison.OrdinalIgnoreCase);
}
