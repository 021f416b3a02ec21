using System.Diagnostics;

namespace McpIdentity.Tests.Support;

/// <summary>An unprotected MCP server with sessions, of the official TypeScript SDK, as a process of its own (<c>upstream.mjs</c>); one without is in docs/gateway.md.</summary>
internal sealed class NodeUpstream : IAsyncDisposable
{
    private readonly Process _process;

    private NodeUpstream(Process process, string url) => (_process, Url) = (process, url);

    public string Url { get; }

    public static async Task<NodeUpstream> StartAsync()
    {
        Needs.Check(Needs.Node);
        var process = Process.Start(new ProcessStartInfo("node", ["upstream.mjs"]) { WorkingDirectory = NodePackages.Folder, RedirectStandardOutput = true, RedirectStandardInput = true })!;
        return new NodeUpstream(process, await process.StandardOutput.ReadLineAsync() ?? throw new AssertionException("The upstream said nothing."));
    }

    public async ValueTask DisposeAsync()
    {
        _process.StandardInput.Close();
        await _process.WaitForExitAsync();
        _process.Dispose();
    }
}
