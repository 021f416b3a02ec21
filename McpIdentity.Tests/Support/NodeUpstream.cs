using System.Diagnostics;

namespace McpIdentity.Tests.Support;

/// <summary>An unprotected MCP server of the official TypeScript SDK, as a process of its own (<c>upstream.mjs</c>).</summary>
internal sealed class NodeUpstream : IAsyncDisposable
{
    private readonly Process _process;

    private NodeUpstream(Process process, string url) => (_process, Url) = (process, url);

    public string Url { get; }

    /// <param name="mode"><c>stateless</c> or <c>stateful</c>.</param>
    public static async Task<NodeUpstream> StartAsync(string mode)
    {
        Needs.Check(Needs.Node);
        var process = Process.Start(new ProcessStartInfo("node", ["upstream.mjs", mode]) { WorkingDirectory = NodePackages.Folder, RedirectStandardOutput = true, RedirectStandardInput = true })!;
        return new NodeUpstream(process, await process.StandardOutput.ReadLineAsync() ?? throw new AssertionException("The upstream said nothing."));
    }

    public async ValueTask DisposeAsync()
    {
        _process.StandardInput.Close();
        await _process.WaitForExitAsync();
        _process.Dispose();
    }
}
