using McpIdentity.Mcp.Audit;
using McpIdentity.Server.Connections;
using McpIdentity.Server.Protocol;
using McpIdentity.Server.Revocation;
using Microsoft.AspNetCore.Mvc;

namespace McpIdentity.Server.Account;

/// <summary>Ends everything that the person has allowed, and what they have connected for it; the browser stays signed in.</summary>
[Address(Reader.People, "GET HEAD POST", Bucket = "account", TakesForms = true)]
internal sealed class DisconnectAllModel(ConnectedApps apps, Revocations revocations, OwnConnections connections, Vault vault, ConnectableServers servers, SecurityLog log) : AccountPage
{
    /// <summary>How many apps there are.</summary>
    public int Count { get; private set; }

    /// <summary>How many accounts at servers behind this one.</summary>
    public int Accounts { get; private set; }

    public async Task OnGetAsync(CancellationToken cancellationToken) =>
        (Count, Accounts) = (await apps.CountAsync(Person.UserId, cancellationToken), await connections.CountAsync(Person.UserId, cancellationToken));

    public async Task<IActionResult> OnPostAsync(CancellationToken cancellationToken)
    {
        if (!await IsOwnFormAsync())
        {
            await OnGetAsync(cancellationToken);
            return Page();
        }

        var clients = await apps.AllClientsOfAsync(Person.UserId, cancellationToken);
        await revocations.DisconnectAsync(Person.UserId, clientIds: null);
        foreach (var client in clients)
        {
            log.Write(HttpContext, SecurityEvent.Success("app_disconnected") with
            {
                Reason = "with all others of the person",
                ClientId = client,
                Subject = Person.UserId,
                SessionId = Person.SessionId,
            });
        }

        var ended = await vault.EndAsync(Person.UserId, server: null, servers.Find);
        foreach (var server in ended.Servers)
        {
            log.Write(HttpContext, SecurityEvent.Success("account_disconnected") with { Subject = Person.UserId, SessionId = Person.SessionId, Server = server });
        }

        await ended.RevokedSoonAsync();
        return SeeDone(Paths.Apps, new(Done.Deed.AllDisconnected));
    }
}
