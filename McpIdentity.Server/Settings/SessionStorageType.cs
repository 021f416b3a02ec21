namespace McpIdentity.Server.Settings;

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
