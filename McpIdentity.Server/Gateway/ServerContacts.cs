using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using McpIdentity.Migrations.Entities;

namespace McpIdentity.Server.Gateway;

/// <summary>Whether each server behind this one answers, as far as this node knows: from its own calls, and from whichever node asked it last for its tools.</summary>
internal sealed class ServerContacts
{
    public const string Ok = "ok";
    public const string Broken = "broken";
    public const string Unreachable = "unreachable";
    public const string Unknown = "unknown";

    private readonly ConcurrentDictionary<string, GatewayContact> _last = new(StringComparer.Ordinal);
    private readonly FrontedServers _servers;

    public ServerContacts(FrontedServers servers, IMeterFactory meters)
    {
        _servers = servers;
        meters.Create(GatewayLog.MeterName).CreateObservableGauge(
            "mcpidentity.gateway.server.up",
            () => States.Where(state => state.State != Unknown).Select(state => new Measurement<int>(state.State == Ok ? 1 : 0, new KeyValuePair<string, object?>("server", state.Server))),
            description: "Whether a server behind this one answers.");
    }

    /// <summary>All servers in force, by name.</summary>
    public IEnumerable<(string Server, string State)> States => _servers.All.Select(fronted => (fronted.Server.Name, StateOf(fronted)));

    /// <summary>What came of asking it last; null: nobody has.</summary>
    public GatewayContact? Last(string server) => _last.GetValueOrDefault(server);

    /// <summary>What all nodes have found.</summary>
    public void Take(IReadOnlyList<GatewayContact> contacts)
    {
        foreach (var contact in contacts)
        {
            Take(contact);
        }

        foreach (var gone in _last.Keys.Except(contacts.Select(contact => contact.Server)))
        {
            _last.TryRemove(gone, out _);
        }
    }

    /// <summary>What this node has found.</summary>
    public void Take(GatewayContact contact) => _last[contact.Server] = contact;

    /// <summary>One of the words above.</summary>
    public string StateOf(Fronted fronted) =>
        fronted.Connection.IsBroken ? Broken
        : Last(fronted.Server.Name) is not { } last ? Unknown
        : last.Problem is null ? Ok
        : Unreachable;
}
