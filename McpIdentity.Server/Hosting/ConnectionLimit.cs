using System.Runtime.InteropServices;

namespace McpIdentity.Server.Hosting;

/// <summary>
/// How many connections this process can hold: each needs a file descriptor, and a process that has none left can open
/// neither its database nor a log, whoever the connections belong to.
/// </summary>
internal static class ConnectionLimit
{
    // .NET keeps one open for each library: 380 after a start with SQLite, measured. The rest is for the pools of the database and for Redis.
    private const long Own = 440;

    // With less the runtime does not come as far as to say what is wrong.
    private const long Least = 512;

    private const int DescriptorsOnLinux = 7;
    private const int DescriptorsOnMac = 8;

    /// <summary>RLIMIT_NOFILE, which .NET has raised to the hard limit; null where there is no such limit.</summary>
    public static long? Descriptors { get; } = Read();

    /// <summary>What is left for connections; null: as many as come.</summary>
    /// <param name="areFronted">Whether each may need another one, to a server behind this one.</param>
    public static long? Connections(bool areFronted) => Descriptors is { } all ? (all - Math.Max(all / 4, Own)) / (areFronted ? 2 : 1) : null;

    /// <summary>Why a server cannot run with so few descriptors, or null.</summary>
    public static string? Refusal => Descriptors < Least
        ? $"This process may open {Descriptors} files (ulimit -n), and a server needs {Least}: its libraries, its database, and one for each connection."
        : null;

    private static long? Read() =>
        !OperatingSystem.IsWindows() && GetLimit(OperatingSystem.IsLinux() ? DescriptorsOnLinux : DescriptorsOnMac, out var limit) == 0 && limit.Soft is > 0 and < int.MaxValue
            ? (long)limit.Soft
            : null;

    [DllImport("libc", EntryPoint = "getrlimit"), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int GetLimit(int resource, out Limit limit);

    [StructLayout(LayoutKind.Sequential)]
    private readonly struct Limit
    {
        public readonly ulong Soft;
        public readonly ulong Hard;
    }
}
