using System.Globalization;

namespace McpIdentity.Bench;

/// <summary>
/// The server has one core to itself and the load generator the others, so that one does not run at the other's expense.
/// On a machine with a single core both share it, and only CPU per operation means anything.
/// </summary>
internal static class Cores
{
    public static bool AreSplit { get; } = Environment.ProcessorCount > 1;

    private static string ServerCore { get; } = (Environment.ProcessorCount - 1).ToString(CultureInfo.InvariantCulture);

    /// <summary>The words to put before the command of a process that shall run on the server's core.</summary>
    public static string[] OnServerCore => AreSplit ? ["taskset", "-c", ServerCore] : [];

    public static async Task KeepLoadOffServerCoreAsync()
    {
        if (AreSplit)
        {
            // -a: the runtime has started threads already.
            await ChildProcess.RunAsync("taskset", "-a", "-p", "-c", $"0-{Environment.ProcessorCount - 2}", Environment.ProcessId.ToString(CultureInfo.InvariantCulture));
        }
    }
}
