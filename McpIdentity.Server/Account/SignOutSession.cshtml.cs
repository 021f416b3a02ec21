using McpIdentity.Mcp.Audit;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Federation;
using McpIdentity.Server.Protocol;
using McpIdentity.Server.Sessions;
using Microsoft.AspNetCore.Mvc;

namespace McpIdentity.Server.Account;

/// <summary>Signs out another browser of the person's, with the apps that were connected from it. Their own has a page already (<see cref="Paths.SignOut"/>).</summary>
[Address(Reader.People, "GET HEAD POST", Bucket = "account", TakesForms = true)]
internal sealed class SignOutSessionModel(OwnSessions own, SignInSessions sessions, ConnectedApps apps, SignInProviders providers, SecurityLog log) : AccountPage
{
    public SignInSession Session { get; private set; } = null!;

    public string Provider => providers.NameOf(Session.Provider);

    /// <summary>How many apps end with it.</summary>
    public int Apps { get; private set; }

    [BindProperty(Name = "session", SupportsGet = true)]
    public string? Id { get; set; }

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

        await sessions.EndAsync(Session.Id, CancellationToken.None);
        log.Write(HttpContext, SecurityEvent.Success("session_ended") with { Reason = "signed out from another browser", Subject = Person.UserId, SessionId = Session.Id });
        return SeeDone(Paths.OwnSessions, new(Done.Deed.SignedOut));
    }

    private IActionResult Gone() => SeeDone(Paths.OwnSessions, new(Done.Deed.NotSignedIn));

    private async Task<bool> OpenAsync(CancellationToken cancellationToken)
    {
        if (await own.FindOtherAsync(Person, Id, cancellationToken) is not { } session)
        {
            return false;
        }

        (Session, Apps) = (session, await apps.CountOfSessionsAsync(Person.UserId, [session.Id], cancellationToken));
        return true;
    }
}
