using McpIdentity.Mcp.Audit;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Protocol;
using McpIdentity.Server.Sessions;
using Microsoft.AspNetCore.Mvc;

namespace McpIdentity.Server.Account;

/// <summary>Signs out all other browsers of the person's, with the apps that were connected from them.</summary>
[Address(Reader.People, "GET HEAD POST", Bucket = "account", TakesForms = true)]
internal sealed class SignOutOthersModel(OwnSessions own, SignInSessions sessions, ConnectedApps apps, SecurityLog log) : AccountPage
{
    public IReadOnlyList<SignInSession> Others { get; private set; } = [];

    /// <summary>How many apps end with them.</summary>
    public int Apps { get; private set; }

    public async Task OnGetAsync(CancellationToken cancellationToken)
    {
        Others = [.. (await own.ListAsync(Person, cancellationToken)).Where(session => session.Id != Person.SessionId)];
        Apps = await apps.CountOfSessionsAsync(Person.UserId, [.. Others.Select(session => session.Id)], cancellationToken);
    }

    public async Task<IActionResult> OnPostAsync(CancellationToken cancellationToken)
    {
        await OnGetAsync(cancellationToken);
        if (!await IsOwnFormAsync())
        {
            return Page();
        }

        foreach (var session in Others)
        {
            await sessions.EndAsync(session.Id, CancellationToken.None); // all of them, whoever hangs up
            log.Write(HttpContext, SecurityEvent.Success("session_ended") with { Reason = "signed out from another browser", Subject = Person.UserId, SessionId = session.Id });
        }

        return SeeDone(Paths.OwnSessions, new(Done.Deed.OthersSignedOut));
    }
}
