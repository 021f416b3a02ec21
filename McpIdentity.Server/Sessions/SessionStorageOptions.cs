using McpIdentity.Server.Persistence;

namespace McpIdentity.Server.Sessions;

/// <summary>Where sign-in sessions are kept.</summary>
internal enum SessionStorageType
{
    /// <summary>With everything else, in the database: the default, right for one node and for many.</summary>
    Database,

    /// <summary>In this process: everyone is signed out when it ends.</summary>
    Memory,

    /// <summary>In one encrypted file, for one process.</summary>
    File,

    /// <summary>In Redis, which forgets each session when its time is over.</summary>
    Redis,
}

/// <summary>Sign-in sessions: the section <c>OAuth:SessionStorage</c>.</summary>
internal sealed class SessionStorageOptions
{
    /// <summary><c>SESSION_STORAGE</c> in the environment.</summary>
    public SessionStorageType Type { get; set; } = SessionStorageType.Database;

    /// <summary>The file of the type <c>File</c>; <c>SESSION_FILE_PATH</c> in the environment.</summary>
    public string? FilePath { get; set; }

    public RedisOptions Redis { get; } = new();
}
