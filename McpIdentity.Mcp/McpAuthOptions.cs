namespace McpIdentity.Mcp;

/// <summary>Which credentials the MCP endpoint accepts.</summary>
public enum McpAuthType
{
    /// <summary>Access tokens of our authorization server.</summary>
    OAuth,

    /// <summary>JWTs of other issuers.</summary>
    Jwt,

    /// <summary>Either; where both are presented, both must be valid.</summary>
    Both,

    /// <summary>Open to everyone: for development.</summary>
    None,
}

/// <summary>What <c>tools/list</c> shows to a caller without a credential.</summary>
public enum McpAnonymousListing
{
    /// <summary>Every tool that whoever signs in may call; not those of administrators.</summary>
    All,

    /// <summary>Only the tools such a caller can call.</summary>
    PublicOnly,
}

/// <summary>What a caller must show: the section <c>Mcp:Auth</c>.</summary>
public sealed class McpAuthOptions
{
    /// <summary>Which credentials are accepted.</summary>
    public McpAuthType AuthType { get; set; } = McpAuthType.OAuth;

    /// <summary>Rules for our own tokens.</summary>
    public McpOAuthOptions OAuth { get; set; } = new();

    /// <summary>Rules for JWTs of other issuers.</summary>
    public McpJwtOptions Jwt { get; set; } = new();

    /// <summary>Whether discovery needs a credential.</summary>
    public bool RequireAuthForToolsList { get; set; }

    /// <summary>Whether execution needs a credential.</summary>
    public bool RequireAuthForToolsCall { get; set; } = true;

    /// <summary>
    /// Scopes that a method needs of every caller; what a tool asks for itself comes on top. Where it does not name
    /// <c>tools/call</c>, a call needs <c>mcp:call</c> of our own tokens, unless the tool has scopes of its own, and nothing of
    /// other JWTs beyond <see cref="McpJwtOptions.RequiredScopes"/>. An empty list for <c>tools/call</c> asks for nothing.
    /// </summary>
    public IDictionary<string, IList<string>> MethodScopes { get; } = new Dictionary<string, IList<string>>(StringComparer.Ordinal);

    /// <summary>Tools that anyone may call; the word <c>default</c> means those that declare it themselves (<see cref="ToolAccessAttribute"/>).</summary>
    public IList<string> PublicTools { get; } = [];

    /// <summary>Tools that are never public, whatever else says so.</summary>
    public IList<string> DenyPublicTools { get; } = [];

    /// <summary>When not empty, only tools of these categories are public through <c>default</c>.</summary>
    public IList<string> PublicCategories { get; } = [];

    /// <summary>What an anonymous <c>tools/list</c> shows.</summary>
    public McpAnonymousListing AnonymousListing { get; set; } = McpAnonymousListing.All;

    /// <summary>The header of a second credential; read only when <see cref="AuthType"/> is <see cref="McpAuthType.Both"/>.</summary>
    public string SecondCredentialHeader { get; set; } = "X-MCP-JWT";

    /// <summary>Without it, Production refuses to start with <see cref="McpAuthType.None"/>.</summary>
    public bool AllowNoneInProduction { get; set; }

    /// <summary>Challenges <c>initialize</c> too, for clients that start signing in only then.</summary>
    public bool ChallengeOnFirstContact { get; set; }

    internal bool AcceptsOAuth => AuthType is McpAuthType.OAuth or McpAuthType.Both && OAuth.Enabled != false;

    internal bool AcceptsJwt => AuthType is McpAuthType.Jwt or McpAuthType.Both && Jwt.Enabled != false;

    internal McpAuthOptions IssuedBy(string issuer)
    {
        var other = (McpAuthOptions)MemberwiseClone();
        other.OAuth = OAuth.IssuedBy(issuer);
        return other;
    }
}

/// <summary>Rules for our own tokens: the section <c>Mcp:Auth:OAuth</c>.</summary>
public sealed class McpOAuthOptions
{
    /// <summary>Unset: as <see cref="McpAuthOptions.AuthType"/> says.</summary>
    public bool? Enabled { get; set; }

    /// <summary>Whether the session behind a token must still live.</summary>
    public bool RequireValidSession { get; set; } = true;

    /// <summary>Our authorization server, byte for byte as in its metadata. The host sets it.</summary>
    public string? Issuer { get; set; }

    internal McpOAuthOptions IssuedBy(string issuer)
    {
        var other = (McpOAuthOptions)MemberwiseClone();
        other.Issuer = issuer;
        return other;
    }
}

/// <summary>Rules for JWTs of other issuers: the section <c>Mcp:Auth:Jwt</c>.</summary>
public sealed class McpJwtOptions
{
    /// <summary>Unset: as <see cref="McpAuthOptions.AuthType"/> says.</summary>
    public bool? Enabled { get; set; }

    /// <summary>False only in Development, and never for our own tokens.</summary>
    public bool RequireValidSignature { get; set; } = true;

    /// <summary>Scopes of which a JWT must carry all, for everything that is not public.</summary>
    public IList<string> RequiredScopes { get; } = [];

    /// <summary>Accepts expired JWTs, with a warning each time; never our own tokens.</summary>
    public bool AllowExpiredTokens { get; set; }
}
