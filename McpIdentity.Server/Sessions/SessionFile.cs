using System.Globalization;
using McpIdentity.Server.Settings;

namespace McpIdentity.Server.Sessions;

/// <summary>
/// One text file that is always whole: each write goes to a file beside it, to the disk, and then into its place. Readable
/// by its owner alone, and locked against a second process for as long as this one lives.
/// </summary>
internal sealed class SessionFile(string path) : IDisposable
{
    private FileStream? _lock;

    public string Path { get; } = System.IO.Path.GetFullPath(path);

    /// <exception cref="InvalidOperationException">Another process holds it, or the folder cannot be written to.</exception>
    public void Open()
    {
        try
        {
            PrivateFiles.CreateFolder(System.IO.Path.GetDirectoryName(Path)!);
            // The lock is a file of its own: the other is replaced with each write. The system lets go of it when the process ends.
            _lock = PrivateFiles.Open(Path + ".lock", FileMode.OpenOrCreate, FileAccess.Write, FileShare.None);
            PrivateFiles.Close(Path);
            PrivateFiles.Close(Path + ".lock");
        }
        catch (IOException exception) when (File.Exists(Path + ".lock"))
        {
            throw new InvalidOperationException(
                $"The session file {Path} is in use by another process ({exception.Message}). One file serves one server: for several use Database or Redis.", exception);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new InvalidOperationException($"The session file {Path} cannot be written: {exception.Message}", exception);
        }
    }

    /// <returns>The lines, none where there is no file yet.</returns>
    public string[] Read() => File.Exists(Path) ? File.ReadAllLines(Path) : [];

    public async Task WriteAsync(IEnumerable<string> lines, CancellationToken cancellationToken)
    {
        var temporary = Path + ".new";
        await using (var file = PrivateFiles.Open(temporary, FileMode.Create, FileAccess.Write, FileShare.None))
        {
            await using (var writer = new StreamWriter(file, leaveOpen: true) { NewLine = "\n" })
            {
                foreach (var line in lines)
                {
                    await writer.WriteLineAsync(line.AsMemory(), cancellationToken);
                }
            }

            file.Flush(flushToDisk: true);
        }

        File.Move(temporary, Path, overwrite: true);
    }

    /// <summary>Puts a file that cannot be understood out of the way, for somebody to look at.</summary>
    /// <returns>Its new name.</returns>
    public string MoveAside(DateTimeOffset now)
    {
        var aside = $"{Path}.corrupt-{now.UtcDateTime.ToString("yyyyMMddHHmmssfff", CultureInfo.InvariantCulture)}";
        File.Move(Path, aside, overwrite: true);
        return aside;
    }

    public void Dispose() => _lock?.Dispose();
}
