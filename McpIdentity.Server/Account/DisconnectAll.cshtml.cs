using McpIdentity.Mcp.Audit;
using McpIdentity.Server.Protocol;
using McpIdentity.Server.Revocation;
using Microsoft.AspNetCore.Mvc;

namespace McpIdentity.Server.Account;

/// <summary>Ends everything that the person has allowed; the browser stays signed in.</summary>
[Address(Reader.People, "GET HEAD POST", Bucket = "account", TakesForms = true)]
internal sealed class DisconnectAllModel(ConnectedApps apps, Revocations revocations, SecurityLog log) : AccountPage
{
    /// <summary>How many apps there are.</summary>
    public int Count { get; private set; }

    public async Task OnGetAsync(CancellationToken cancellationToken) => Count = await apps.CountAsync(Person.UserId, cancellationToken);

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

        return SeeDone(Paths.Apps, new(Done.Deed.AllDisconnected));
    }
}
