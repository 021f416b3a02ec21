using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Hosting;

/// <summary>Fills in the base URL where it may be guessed and refuses one that clients could not use.</summary>
internal sealed class ServerOptionsRules(IHostEnvironment environment)
    : IPostConfigureOptions<ServerOptions>, IValidateOptions<ServerOptions>
{
    public void PostConfigure(string? name, ServerOptions options)
    {
        options.PublicBaseUrl = options.PublicBaseUrl?.TrimEnd('/');
        if (string.IsNullOrEmpty(options.PublicBaseUrl))
        {
            options.PublicBaseUrl = environment.IsProduction() ? null : $"http://localhost:{options.Port}";
        }
    }

    public ValidateOptionsResult Validate(string? name, ServerOptions options)
    {
        var problems = new List<string>();
        if (options.Port is < 1 or > 65535)
        {
            problems.Add($"Server:Port must be between 1 and 65535 (is {options.Port}).");
        }

        if (options.PublicBaseUrl is null)
        {
            problems.Add("Server:PublicBaseUrl (OAUTH_BASE_URL) must be set in Production: the https address that clients use.");
        }
        else if (!Uri.TryCreate(options.PublicBaseUrl, UriKind.Absolute, out var url) ||
                 (url.Scheme != Uri.UriSchemeHttps && url.Scheme != Uri.UriSchemeHttp) ||
                 url.AbsolutePath != "/" || url.Query.Length > 0 || url.Fragment.Length > 0 || url.UserInfo.Length > 0)
        {
            problems.Add($"Server:PublicBaseUrl must be an http or https origin without path, query or fragment (is '{options.PublicBaseUrl}').");
        }
        else if (environment.IsProduction() && url.Scheme != Uri.UriSchemeHttps)
        {
            problems.Add($"Server:PublicBaseUrl must be https in Production (is '{options.PublicBaseUrl}').");
        }

        return problems.Count > 0 ? ValidateOptionsResult.Fail(problems) : ValidateOptionsResult.Success;
    }
}
