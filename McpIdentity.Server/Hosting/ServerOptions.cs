namespace McpIdentity.Server.Hosting;

/// <summary>Where the server listens and what it calls itself: the section <c>Server</c>.</summary>
internal sealed class ServerOptions
{
    public const string Section = "Server";

    /// <summary>The TCP port; <c>PORT</c> in the environment.</summary>
    public int Port { get; set; } = 8082;

    /// <summary>
    /// The address that clients and browsers use, without a trailing slash; <c>OAUTH_BASE_URL</c> in the environment.
    /// It is the issuer, and the start of every URL that the server emits. Development falls back on
    /// <c>http://localhost:{Port}</c>; Production refuses to guess.
    /// </summary>
    public string? PublicBaseUrl { get; set; }

    /// <summary>A file of <c>NAME=value</c> lines read at the start; the process environment wins over it.</summary>
    public string EnvFile { get; set; } = ".env.oauth";
}
