using McpIdentity.Server.Connections;
using McpIdentity.Server.Protocol;

namespace McpIdentity.Server.Account;

/// <summary>The person's own accounts at servers behind this one: those that are connected, and those that could be.</summary>
[Address(Reader.People, "GET HEAD", Bucket = "account", TakesForms = true)]
internal sealed class ConnectionsModel(OwnConnections connections) : AccountPage
{
    public IReadOnlyList<OwnConnection> Connections { get; private set; } = [];

    public async Task OnGetAsync(CancellationToken cancellationToken) => Connections = await connections.ListAsync(Person.UserId, cancellationToken);
}
