namespace McpIdentity.Server.Settings;

/// <summary>
/// Files and folders that hold secrets or people: for the user that runs this and nobody else, whatever the umask. On Windows
/// the folder's own access list decides.
/// </summary>
internal static class PrivateFiles
{
    private const UnixFileMode OwnerFile = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private const UnixFileMode OwnerFolder = OwnerFile | UnixFileMode.UserExecute;
    private const UnixFileMode Others = UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.GroupExecute |
        UnixFileMode.OtherRead | UnixFileMode.OtherWrite | UnixFileMode.OtherExecute;

    /// <summary>Creates the folder, and those above it, where it is missing. One that is there belongs to whoever made it.</summary>
    public static void CreateFolder(string folder)
    {
        if (OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(folder);
        }
        else if (!Directory.Exists(folder))
        {
            Directory.CreateDirectory(folder, OwnerFolder);
        }
    }

    /// <summary>Opens a file, which is private if this makes it.</summary>
    public static FileStream Open(string path, FileMode mode, FileAccess access, FileShare share, int bufferSize = 4096)
    {
        var options = new FileStreamOptions { Mode = mode, Access = access, Share = share, BufferSize = bufferSize };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = OwnerFile;
        }

        return new FileStream(path, options);
    }

    /// <summary>Makes a file or folder private that is there and open to others.</summary>
    /// <returns>False where it stays open: it belongs to somebody else.</returns>
    public static bool Close(string path)
    {
        if (OperatingSystem.IsWindows() || !Path.Exists(path) || (File.GetUnixFileMode(path) & Others) == 0)
        {
            return true;
        }

        try
        {
            File.SetUnixFileMode(path, Directory.Exists(path) ? OwnerFolder : OwnerFile);
            return true;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    /// <summary>Whether others on this machine may look into a folder.</summary>
    public static bool IsOpenToOthers(string folder) => !OperatingSystem.IsWindows() && Directory.Exists(folder) && (File.GetUnixFileMode(folder) & Others) != 0;
}
