using McpIdentity.Mcp.Audit;
using McpIdentity.Server.Connections;
using McpIdentity.Server.Protocol;
using Microsoft.AspNetCore.Mvc;

namespace McpIdentity.Server.Account;

/// <summary>Says what ends when an account at a server behind this one is disconnected, and ends it: here, and there where that is offered.</summary>
[Address(Reader.People, "GET HEAD POST", Bucket = "account", TakesForms = true)]
internal sealed class DisconnectConnectionModel(OwnConnections connections, Vault vault, ConnectableServers servers, SecurityLog log) : AccountPage
{
    public OwnConnection Connection { get; private set; } = null!;

    [BindProperty(Name = "server", SupportsGet = true)]
    public string? Server { get; set; }

    public async Task<IActionResult> OnGetAsync(CancellationToken cancellationToken) => await OpenAsync(cancellationToken) ? Page() : Gone();

    public async Task<IActionResult> OnPostAsync(CancellationToken cancellationToken)
    {
        if (!await OpenAsync(cancellationToken))
        {
            return Gone();
        }

        if (!await IsOwnFormAsync())
        {
            return Page();
        }

        var ended = await vault.EndAsync(Person.UserId, Connection.Name, servers.Find);
        log.Write(HttpContext, SecurityEvent.Success("account_disconnected") with { Subject = Person.UserId, SessionId = Person.SessionId, Server = Connection.Name });
        await ended.RevokedSoonAsync();
        return SeeDone(Paths.OwnConnections, new(Done.Deed.AccountDisconnected, Connection.DisplayName));
    }

    private IActionResult Gone() => SeeDone(Paths.OwnConnections, new(Done.Deed.NoAccount));

    private async Task<bool> OpenAsync(CancellationToken cancellationToken)
    {
        if ((await connections.ListAsync(Person.UserId, cancellationToken)).FirstOrDefault(one => one.Name == Server && one.Since is not null) is not { } connection)
        {
            return false;
        }

        Connection = connection;
        return true;
    }
}
