using McpIdentity.Mcp.Gate;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace McpIdentity.Mcp.Options;

/// <summary>Refuses contradictions at the start; reports all of them at once, by the names an operator writes.</summary>
internal sealed class McpOptionsRules(IHostEnvironment environment, IOptions<ExternalJwtOptions> jwt) : IValidateOptions<McpOptions>
{
    public ValidateOptionsResult Validate(string? name, McpOptions options)
    {
        if (!options.Enabled)
        {
            return ValidateOptionsResult.Success;
        }

        string[] problems =
        [
            .. CheckAddress(options),
            .. CheckAuthType(options.Auth),
            .. CheckMethodScopes(options.Auth),
            .. options.DnsRebinding.AllowedOrigins.Select(Origins.FlawOf).OfType<string>().Select(flaw => $"Mcp:DnsRebinding:AllowedOrigins: {flaw}."),
            .. CheckSessions(options),
            .. CheckWeakening(options),
            .. options.Auth.AcceptsJwt ? ExternalJwtRules.Check(jwt.Value, options, environment) : [],
        ];
        return problems.Length == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(problems);
    }

    private static IEnumerable<string> CheckAddress(McpOptions options)
    {
        if (!options.Path.StartsWith('/') || options.Path.EndsWith('/') || options.Path.AsSpan().ContainsAny("?#{}") || options.Path.AsSpan().ContainsAnyExceptInRange('!', '~'))
        {
            yield return $"Mcp:Path is '{options.Path}'; it must start with a slash and not end with one, in ASCII without spaces.";
        }

        if (!Uri.TryCreate(options.PublicBaseUrl, UriKind.Absolute, out var url) || url.Scheme is not ("http" or "https") ||
            url is not { Query: "", Fragment: "", UserInfo: "" } || options.PublicBaseUrl!.EndsWith('/'))
        {
            yield return $"Mcp:PublicBaseUrl is '{options.PublicBaseUrl}'; it must be an absolute http(s) URL without a trailing slash.";
        }

        if (options.Auth.AcceptsOAuth && string.IsNullOrEmpty(options.Auth.OAuth.Issuer))
        {
            yield return "Mcp:Auth:OAuth:Issuer is missing: our own tokens are accepted, but nobody says who issues them.";
        }
    }

    private static IEnumerable<string> CheckAuthType(McpAuthOptions auth)
    {
        switch (auth.AuthType)
        {
            case McpAuthType.OAuth when auth.OAuth.Enabled == false:
                yield return "Mcp:Auth:AuthType oauth needs Mcp:Auth:OAuth:Enabled.";
                break;
            case McpAuthType.Jwt when auth.Jwt.Enabled == false:
                yield return "Mcp:Auth:AuthType jwt needs Mcp:Auth:Jwt:Enabled.";
                break;
            case McpAuthType.Both when auth is { AcceptsOAuth: false, AcceptsJwt: false }:
                yield return "Mcp:Auth:AuthType both needs Mcp:Auth:OAuth:Enabled or Mcp:Auth:Jwt:Enabled; both are false.";
                break;
        }

        if (auth.SecondCredentialHeader.Length == 0 || auth.SecondCredentialHeader.Equals("Authorization", StringComparison.OrdinalIgnoreCase) ||
            auth.SecondCredentialHeader.Equals("Cookie", StringComparison.OrdinalIgnoreCase))
        {
            yield return $"Mcp:Auth:SecondCredentialHeader is '{auth.SecondCredentialHeader}'; it must be a header of its own.";
        }
    }

    private static IEnumerable<string> CheckMethodScopes(McpAuthOptions auth)
    {
        foreach (var (method, scopes) in auth.MethodScopes)
        {
            if (!McpMethods.Known.Contains(method))
            {
                yield return $"Mcp:Auth:MethodScopes names '{method}', which is no method of MCP; known: {string.Join(", ", McpMethods.Known.Order(StringComparer.Ordinal))}.";
            }

            if ((scopes.Count == 0 && method != McpMethods.ToolsCall) || scopes.Any(scope => scope.Contains(' ', StringComparison.Ordinal)))
            {
                yield return $"Mcp:Auth:MethodScopes:{method} must be a list of scopes, or scopes separated by commas.";
            }
        }
    }

    private static IEnumerable<string> CheckSessions(McpOptions options)
    {
        if (options.SessionIdleTimeout <= TimeSpan.Zero || options.SessionIdleTimeout > TimeSpan.FromDays(7))
        {
            yield return $"Mcp:SessionIdleTimeout is {options.SessionIdleTimeout}; it must be more than nothing and at most seven days.";
        }

        if (options.SessionNode is { Length: > 0 } node && (node.Length > 32 || !node.All(character => char.IsAsciiLetterOrDigit(character) || character == '-')))
        {
            yield return $"Mcp:SessionNode is '{node}'; it must be at most 32 letters, digits and hyphens.";
        }

        foreach (var (name, value) in new[] { (nameof(options.MaxIdleSessions), options.MaxIdleSessions), (nameof(options.MaxSessionsPerCaller), options.MaxSessionsPerCaller) })
        {
            if (value < 1)
            {
                yield return $"Mcp:{name} is {value}; it must be at least 1. To give no sessions, set Mcp:SessionMode=Stateless.";
            }
        }
    }

    private IEnumerable<string> CheckWeakening(McpOptions options)
    {
        if (!options.Auth.Jwt.RequireValidSignature && !environment.IsDevelopment())
        {
            yield return "Mcp:Auth:Jwt:RequireValidSignature=false is for Development only.";
        }

        if (!environment.IsProduction())
        {
            yield break;
        }

        if (options.Auth is { AuthType: McpAuthType.None, AllowNoneInProduction: false })
        {
            yield return "Mcp:Auth:AuthType none opens every tool to everyone; Production refuses it without Mcp:Auth:AllowNoneInProduction=true.";
        }

        if (!options.AuthEnforcement.Enabled)
        {
            yield return "Mcp:AuthEnforcement:Enabled=false only reports what should be refused; Production refuses it.";
        }
    }
}
