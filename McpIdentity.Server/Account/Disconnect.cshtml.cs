using McpIdentity.Mcp.Audit;
using McpIdentity.Migrations;
using McpIdentity.Server.Pages;
using McpIdentity.Server.Protocol;
using McpIdentity.Server.Revocation;
using Microsoft.AspNetCore.Mvc;
using Microsoft.EntityFrameworkCore;

namespace McpIdentity.Server.Account;

/// <summary>Says what ends when an app is disconnected, and ends it: every client behind its entry.</summary>
[Address(Reader.People, "GET HEAD POST", Bucket = "account", TakesForms = true)]
internal sealed class DisconnectModel(ConnectedApps apps, AppDescriptions descriptions, McpIdentityDbContext db, Revocations revocations, SecurityLog log) : AccountPage
{
    private const int MaxReference = McpIdentityDbContext.Lengths.ClientId;

    public AppDescription App { get; private set; } = null!;

    [BindProperty(Name = "app", SupportsGet = true)]
    public string? Reference { get; set; }

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

        // Those of this moment: an app that has registered once more since the page was made ends too.
        var clients = await apps.ClientsOfAsync(Person.UserId, App.Entry, cancellationToken);
        await revocations.DisconnectAsync(Person.UserId, clients);
        foreach (var client in clients)
        {
            log.Write(HttpContext, SecurityEvent.Success("app_disconnected") with { ClientId = client, Subject = Person.UserId, SessionId = Person.SessionId });
        }

        return SeeDone(Paths.Apps, new(App.Entry.Connected is null ? Done.Deed.TakenBack : Done.Deed.Disconnected, App.Name));
    }

    private IActionResult Gone() => SeeDone(Paths.Apps, new(Done.Deed.NotConnected));

    // What is not the person's own is as if it were not there.
    private async Task<bool> OpenAsync(CancellationToken cancellationToken)
    {
        if (StorableText.ForComparison(Reference, MaxReference) is not { } reference)
        {
            return false;
        }

        var clientId = await db.Clients.Where(client => client.Id == reference).Select(client => client.ClientId).FirstOrDefaultAsync(cancellationToken) ?? reference;
        if (await apps.FindAsync(Person.UserId, clientId, cancellationToken) is not { } entry)
        {
            return false;
        }

        App = (await descriptions.DescribeAsync(Person.UserId, [entry], PageLanguage.ReadBy(Request), cancellationToken))[0];
        return true;
    }
}
