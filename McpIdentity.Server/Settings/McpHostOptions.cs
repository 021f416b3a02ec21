namespace McpIdentity.Server.Settings;

/// <summary>What the section <c>Mcp</c> says to the authorization server beside the MCP endpoint; the rest is the module's (<see cref="Mcp.McpOptions"/>).</summary>
internal sealed class McpHostOptions
{
    /// <summary>E-mail addresses or subjects that the authorization server grants <c>mcp:admin</c>.</summary>
    public IList<string> AdminUsers { get; } = [];

    /// <summary>
    /// The sign-in providers whose word counts for the e-mail addresses of <c>AdminUsers</c>, by their ids (<c>google</c>,
    /// <c>github</c>, …). Absent, the one provider that is on; with several, none. Subjects count without it.
    /// </summary>
    public IList<string> AdminProviders { get; } = [];

    public AuthSection Auth { get; } = new();

    public RateLimitingSection RateLimiting { get; } = new();

    internal sealed class AuthSection
    {
        public OAuthSection OAuth { get; } = new();
    }

    internal sealed class OAuthSection
    {
        /// <summary>A directory for a session file (<c>OAuth:SessionStorage:Type=File</c>), where no <c>OAuth:SessionStorage:FilePath</c> names the file.</summary>
        public string? SessionStorePath { get; set; }
    }

    internal sealed class RateLimitingSection
    {
        /// <summary>Requests in a window to each of the authorization server's endpoints and pages.</summary>
        public int AuthEndpointMaxRequests { get; set; } = 60;

        /// <summary>Registrations of clients in a window from one address.</summary>
        public int RegistrationMaxRequests { get; set; } = 20;
    }
}
