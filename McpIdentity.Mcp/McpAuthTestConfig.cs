namespace McpIdentity.Mcp;

/// <summary>
/// Settings for tests of a host, one set an auth type: everything needs a credential, and neither rate limits nor a security
/// log stand in the way. Enforcement stays on, because off it would only report (<see cref="AuthEnforcementOptions"/>).
/// Add them with <c>AddInMemoryCollection</c>; what is given beside wins.
/// </summary>
public static class McpAuthTestConfig
{
    /// <summary>Our own tokens only.</summary>
    public static Dictionary<string, string?> OAuth(params ReadOnlySpan<(string Key, string? Value)> overrides) => With(overrides,
        ("Mcp:Auth:AuthType", "oauth"),
        ("Mcp:Auth:OAuth:Enabled", "true"),
        ("Mcp:Auth:OAuth:RequireValidSession", "true"),
        ("Mcp:Auth:Jwt:Enabled", "false"));

    /// <summary>JWTs of another issuer only, with the scope <c>mcp</c>.</summary>
    public static Dictionary<string, string?> Jwt(params ReadOnlySpan<(string Key, string? Value)> overrides) => With(overrides,
        ("Mcp:Auth:AuthType", "jwt"),
        ("Mcp:Auth:OAuth:Enabled", "false"),
        ("Mcp:Auth:Jwt:Enabled", "true"),
        ("Mcp:Auth:Jwt:RequireValidSignature", "true"),
        ("Mcp:Auth:Jwt:RequiredScopes:0", "mcp"),
        ("Mcp:Auth:Jwt:AllowExpiredTokens", "false"));

    /// <summary>Either.</summary>
    public static Dictionary<string, string?> Both(params ReadOnlySpan<(string Key, string? Value)> overrides) => With(overrides,
        ("Mcp:Auth:AuthType", "both"),
        ("Mcp:Auth:OAuth:Enabled", "true"),
        ("Mcp:Auth:OAuth:RequireValidSession", "true"),
        ("Mcp:Auth:Jwt:Enabled", "true"),
        ("Mcp:Auth:Jwt:RequireValidSignature", "true"),
        ("Mcp:Auth:Jwt:RequiredScopes:0", "mcp"),
        ("Mcp:Auth:Jwt:AllowExpiredTokens", "false"));

    /// <summary>Open to everyone: for tests of tools, not of access.</summary>
    public static Dictionary<string, string?> None(params ReadOnlySpan<(string Key, string? Value)> overrides) => With(overrides,
        ("Mcp:Auth:AuthType", "none"),
        ("Mcp:Auth:OAuth:Enabled", "false"),
        ("Mcp:Auth:Jwt:Enabled", "false"));

    private static Dictionary<string, string?> With(
        ReadOnlySpan<(string Key, string? Value)> overrides, params ReadOnlySpan<(string Key, string? Value)> settings)
    {
        var result = new Dictionary<string, string?>(StringComparer.OrdinalIgnoreCase)
        {
            ["Mcp:Auth:RequireAuthForToolsList"] = "true",
            ["Mcp:Auth:RequireAuthForToolsCall"] = "true",
            ["Mcp:Auth:PublicTools"] = "",
            ["Mcp:RateLimiting:Enabled"] = "false",
            ["Mcp:SecurityLogging:Enabled"] = "false",
        };
        foreach (var (key, value) in settings)
        {
            result[key] = value;
        }

        foreach (var (key, value) in overrides)
        {
            result[key] = value;
        }

        return result;
    }
}
