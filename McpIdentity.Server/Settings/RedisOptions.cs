using McpIdentity.Mcp;

namespace McpIdentity.Server.Settings;

/// <summary>The Redis that several nodes share: the section <c>OAuth:SessionStorage:Redis</c>, <c>REDIS_*</c> in the environment.</summary>
internal sealed class RedisOptions
{
    /// <summary><c>REDIS_HOST</c>. Unset, Redis is used only where a setting asks for it, and then on this machine.</summary>
    public string? Host { get; set; }

    /// <summary>The TCP port.</summary>
    public int Port { get; set; } = 6379;

    /// <summary>Of an access control list; unset, the default user.</summary>
    public string? User { get; set; }

    /// <summary>Sent with <c>AUTH</c>.</summary>
    [Secret]
    public string? Password { get; set; }

    /// <summary>The number of the database, <c>REDIS_DB</c>.</summary>
    public int Db { get; set; }

    /// <summary>Every key begins with it, so that several systems can share one Redis.</summary>
    public string KeyPrefix { get; set; } = "oauth:session:";

    /// <summary>Whether the connection is encrypted; the certificate is verified against the system's authorities.</summary>
    public bool Tls { get; set; }

    /// <summary>How the server is called in messages: never with the password.</summary>
    public override string ToString() => $"Redis {Host ?? "localhost"}:{Port}/{Db}";
}
