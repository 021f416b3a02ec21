namespace McpIdentity.Server.Settings;

/// <summary>Whether a file that the server will keep can be written, found out without leaving anything behind.</summary>
internal static class FileAccessCheck
{
    /// <returns>What is wrong with it, in a line that names the setting; null when it can be written.</returns>
    public static string? ProblemOf(string setting, string path)
    {
        if (Directory.Exists(path))
        {
            return $"{setting} names '{path}', which is a folder: name a file in it.";
        }

        try
        {
            if (File.Exists(path))
            {
                using var file = new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);
                return null;
            }

            var folder = Path.GetDirectoryName(path)!;
            while (!Directory.Exists(folder) && !File.Exists(folder) && Path.GetDirectoryName(folder) is { } above)
            {
                folder = above;
            }

            if (File.Exists(folder))
            {
                return $"{setting} names '{path}', which cannot be written: '{folder}' is a file and no folder: move it away, or name another place.";
            }

            var probe = Path.Combine(folder, $".mcpidentity-{Guid.NewGuid():N}");
            using var created = new FileStream(probe, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 1, FileOptions.DeleteOnClose);
            return null;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return $"{setting} names '{path}', which cannot be written by the user '{Environment.UserName}': {exception.Message} Give the folder to that user, or name another place.";
        }
    }
}
