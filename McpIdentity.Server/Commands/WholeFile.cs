using McpIdentity.Server.Settings;

namespace McpIdentity.Server.Commands;

/// <summary>
/// A file of an operator that is whole or not there: it is written under another name beside its place, for its owner alone, and put there
/// when all of it is on the disk. Half of an export or of a backup looks like one.
/// </summary>
internal sealed class WholeFile : IDisposable
{
    private readonly string _path;

    /// <param name="path">Its place.</param>
    /// <exception cref="VerbFailure">Something is there, or no folder for it.</exception>
    public WholeFile(string path)
    {
        (_path, Beside) = (Path.GetFullPath(path), $"{Path.GetFullPath(path)}.{Path.GetRandomFileName()}");
        if (Path.Exists(_path))
        {
            throw new VerbFailure(ExitCode.Conflict, $"{_path} exists already.");
        }

        if (Path.GetDirectoryName(_path) is not { } folder || !Directory.Exists(folder))
        {
            throw new VerbFailure(ExitCode.Failed, $"{_path} cannot be written: there is no such folder.");
        }
    }

    /// <summary>Where it is written.</summary>
    public string Beside { get; }

    /// <summary>Begins it.</summary>
    public FileStream Open() => PrivateFiles.Open(Beside, FileMode.CreateNew, FileAccess.Write, FileShare.Read);

    /// <summary>Ends it, where it was begun. What has come into its place meanwhile stays.</summary>
    public void Keep()
    {
        using (var handle = File.OpenHandle(Beside, FileMode.Open, FileAccess.ReadWrite))
        {
            RandomAccess.FlushToDisk(handle);
        }

        File.Move(Beside, _path);
    }

    /// <summary>Removes what was not kept.</summary>
    public void Dispose() => File.Delete(Beside);
}
