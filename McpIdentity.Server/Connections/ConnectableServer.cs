using McpIdentity.Mcp;
using McpIdentity.Server.Settings;

namespace McpIdentity.Server.Connections;

/// <summary>A server behind this one at which each person has an account of their own (<c>Upstream:Auth</c> <c>OAuth</c>).</summary>
/// <param name="Name">Its name in <c>Gateway:Servers</c>.</param>
/// <param name="DisplayName">What people read.</param>
/// <param name="Url">Its MCP endpoint.</param>
/// <param name="Upstream">How we speak to it.</param>
internal sealed record ConnectableServer(string Name, string DisplayName, Uri Url, UpstreamOptions Upstream)
{
    /// <summary>Whether it is on this computer: there its authorization server may be too, and plain http.</summary>
    public bool IsHere => Loopback.Is(Url);
}

/// <summary>Those that are in force: the gateway, which is above this room, says which they are.</summary>
internal sealed class ConnectableServers
{
    public Func<IEnumerable<ConnectableServer>> Source { get; set; } = () => [];

    public IEnumerable<ConnectableServer> All => Source();

    public ConnectableServer? Find(string? name) => All.FirstOrDefault(server => server.Name == name);
}
