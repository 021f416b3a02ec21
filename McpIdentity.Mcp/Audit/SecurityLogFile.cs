namespace McpIdentity.Mcp.Audit;

/// <summary>
/// The file: only ever appended to, put aside when it is full. It is opened for every batch and locked meanwhile, so that
/// a command beside the server, or a log rotation by other means, loses nothing.
/// </summary>
internal sealed class SecurityLogFile(string path, long maxBytes, int maxFiles)
{
    private static readonly TimeSpan LockWithin = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(2);

    // A lock on a file belongs to the process, and closing the file anywhere in the process ends it: threads take turns first.
    private static readonly Lock Turn = new();

    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    private const UnixFileMode World = UnixFileMode.OtherRead | UnixFileMode.OtherWrite | UnixFileMode.OtherExecute;

    private readonly string _path = Path.GetFullPath(path);

    /// <summary>Creates the file, or finds out that it cannot be written.</summary>
    /// <returns>What is wrong, or null.</returns>
    public string? Prepare()
    {
        try
        {
            CreateFolder(Path.GetDirectoryName(_path)!);
            lock (Turn)
            {
                using var file = Open();
            }

            CloseToOthers();

            return null;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            return exception.Message;
        }
    }

    /// <param name="lines">Whole lines. A file never ends within one.</param>
    public void Append(ReadOnlySpan<byte> lines)
    {
        while (lines.Length > 0)
        {
            using var turn = Turn.EnterScope();
            using var file = OpenLocked();
            var room = maxBytes - file.Length;
            var fits = lines[..(int)Math.Clamp(room, 0, lines.Length)].LastIndexOf((byte)'\n') + 1;
            if (fits == 0 && file.Length > 0)
            {
                PutAside();
                continue;
            }

            // A line that is longer than a file may be gets a file of its own.
            fits = fits > 0 ? fits : lines.IndexOf((byte)'\n') + 1;
            file.Position = file.Length;
            file.Write(lines[..fits]);
            lines = lines[fits..];
        }
    }

    private static void CreateFolder(string folder)
    {
        if (OperatingSystem.IsWindows() || Directory.Exists(folder))
        {
            Directory.CreateDirectory(folder);
        }
        else
        {
            Directory.CreateDirectory(folder, OwnerOnly | UnixFileMode.UserExecute);
        }
    }

    // Subjects and addresses stand in it. A group that may read it was let in by an operator: a collector of logs.
    private void CloseToOthers()
    {
        for (var number = 0; number < maxFiles && !OperatingSystem.IsWindows(); number++)
        {
            var path = number == 0 ? _path : $"{_path}.{number}";
            if (File.Exists(path) && (File.GetUnixFileMode(path) & World) != 0)
            {
                try
                {
                    File.SetUnixFileMode(path, OwnerOnly);
                }
                catch (UnauthorizedAccessException)
                {
                    // It belongs to somebody else, who lets us write: theirs to close.
                }
            }
        }
    }

    private FileStream OpenLocked()
    {
        var start = Environment.TickCount64;
        while (true)
        {
            var file = Open();
            var isLate = Environment.TickCount64 - start > LockWithin.TotalMilliseconds;
            // Another process may have put the file aside while this one waited for it.
            if (isLate || (TryLock(file) && new FileInfo(_path) is { Exists: true } current && current.Length == file.Length))
            {
                return file; // where locks do not work, lines of two processes may mix: better than no lines
            }

            file.Dispose();
            Thread.Sleep(Pause); // on the log's own task: no request waits here
        }
    }

    private FileStream Open()
    {
        var options = new FileStreamOptions
        {
            Mode = FileMode.OpenOrCreate,
            Access = FileAccess.Write,
            Share = FileShare.ReadWrite | FileShare.Delete,
            BufferSize = 0,
        };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = OwnerOnly;
        }

        return new FileStream(_path, options);
    }

    private static bool TryLock(FileStream file)
    {
        if (OperatingSystem.IsMacOS() || OperatingSystem.IsFreeBSD())
        {
            return true;
        }

        try
        {
            file.Lock(0, 1);
            return true;
        }
        catch (IOException)
        {
            return false;
        }
    }

    private void PutAside()
    {
        UnixFileMode? mode = OperatingSystem.IsWindows() || !File.Exists(_path) ? null : File.GetUnixFileMode(_path);
        for (var number = maxFiles - 1; number >= 1; number--)
        {
            var from = number == 1 ? _path : $"{_path}.{number - 1}";
            if (File.Exists(from))
            {
                File.Move(from, $"{_path}.{number}", overwrite: true);
            }
        }

        if (maxFiles == 1)
        {
            File.Delete(_path);
        }

        if (mode is { } kept && !OperatingSystem.IsWindows())
        {
            // Whoever may read the file that was put aside may read the next one.
            using var file = Open();
            File.SetUnixFileMode(file.SafeFileHandle, kept);
        }
    }
}
