using McpIdentity.Server.Hosting;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Settings;

/// <summary>Which web pages may call the protocol's endpoints from a browser: the section <c>Cors</c>.</summary>
internal sealed class CorsSettings
{
    public const string Section = "Cors";

    public const string Anyone = "*";

    /// <summary>
    /// The origins, such as <c>https://inspector.example.org</c>; unset or <c>*</c>: any, because these endpoints take tokens
    /// and never our cookie. A named origin may call the MCP endpoint too (as <c>Mcp:DnsRebinding:AllowedOrigins</c>).
    /// </summary>
    public IList<string> Origin { get; } = [];

    /// <summary>Whether browsers may send credentials along; never together with <c>*</c>.</summary>
    public bool Credentials { get; set; }

    /// <summary>Methods beside <c>GET</c>, <c>HEAD</c>, <c>POST</c> and <c>DELETE</c>.</summary>
    public IList<string> Methods { get; } = [];

    /// <summary>Request headers beside those that OAuth and MCP clients send.</summary>
    public IList<string> AllowedHeaders { get; } = [];

    /// <summary>Response headers that pages may read, beside <c>WWW-Authenticate</c>, <c>Retry-After</c> and MCP's own.</summary>
    public IList<string> ExposedHeaders { get; } = [];

    internal bool AllowsAnyone => Origin.Count == 0 || Origin.Contains(Anyone);
}

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
