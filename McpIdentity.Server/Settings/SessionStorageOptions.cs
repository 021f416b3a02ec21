namespace McpIdentity.Server.Settings;

/// <summary>Sign-in sessions: the section <c>OAuth:SessionStorage</c>.</summary>
internal sealed class SessionStorageOptions
{
    private const string FileName = "oauth-sessions.db";

    /// <summary><c>SESSION_STORAGE</c> in the environment.</summary>
    public SessionStorageType Type { get; set; } = SessionStorageType.Database;

    /// <summary>
    /// The file of the type <c>File</c>; <c>SESSION_FILE_PATH</c> in the environment. Unset: <c>oauth-sessions.db</c> in
    /// <c>Mcp:Auth:OAuth:SessionStorePath</c>, or in <c>./data</c>.
    /// </summary>
    public string? FilePath { get; set; }

    public RedisOptions Redis { get; } = new();

    /// <summary>Whether the place of the file was said in two settings.</summary>
    internal bool IsFilePathTwice { get; private set; }

    /// <summary>Takes over what was configured, and fills in the file's place (SEED-009).</summary>
    internal void TakeFrom(SessionStorageOptions configured, string? folder)
    {
        var isPathSet = configured.FilePath is { Length: > 0 };
        var isFolderSet = !string.IsNullOrEmpty(folder);
        Type = configured.Type;
        FilePath = isPathSet ? configured.FilePath : Path.Combine(isFolderSet ? folder! : "data", FileName);
        IsFilePathTwice = Type == SessionStorageType.File && isPathSet && isFolderSet;
    }
}
