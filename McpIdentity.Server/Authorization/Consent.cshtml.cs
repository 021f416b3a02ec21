using McpIdentity.Mcp.Audit;
using McpIdentity.Server.Federation;
using McpIdentity.Server.Pages;
using McpIdentity.Server.Protocol;
using McpIdentity.Server.Sessions;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.RazorPages;

namespace McpIdentity.Server.Authorization;

/// <summary>Asks a signed-in person whether a client may act for them.</summary>
[IgnoreAntiforgeryToken] // looked at here: a form that is out of date goes on with its request
[Address(Reader.People, "GET HEAD POST", Bucket = "consent", TakesForms = true, KeepsOpener = true)]
internal sealed class ConsentModel(AuthorizationTickets tickets, Consents consents, ConsentOffers offers, RememberedScopes remembered, ProtectedResources resources,
    SignInProviders providers, SecurityLog log) : PageModel
{
    /// <summary>The address of the page for one request; <paramref name="ticket"/> is protected.</summary>
    public static string AddressFor(string ticket) => $"{Paths.Consent}?request={ticket}";

    public PendingAuthorization Pending { get; private set; } = null!;

    public SignedInPerson Person { get; private set; } = null!;

    /// <summary>Which of their accounts it is: people have several, with one name.</summary>
    public string Account => Person.Name is not null && Person.Email is not null
        ? $" ({Person.Email}), with {providers.NameOf(Person.Provider)}"
        : $", with {providers.NameOf(Person.Provider)}";

    [BindProperty(Name = "request", SupportsGet = true)]
    public string? Ticket { get; set; }

    /// <summary>What there is to choose among.</summary>
    public ConsentOffer Offer { get; private set; } = null!;

    /// <summary>Allow was pressed with nothing left that opens the resource.</summary>
    public bool NothingLeft { get; private set; }

    /// <summary>What is ticked: at first everything, but for tools that were taken away before.</summary>
    public ConsentChoice Ticked { get; private set; } = null!;

    /// <summary>The scopes of the request that the person has allowed this client before.</summary>
    public IReadOnlyCollection<string> AllowedBefore { get; private set; } = [];

    public async Task<IActionResult> OnGetAsync() => await OpenAsync() ?? Page();

    public async Task<IActionResult> OnPostAsync([FromForm] string? decision)
    {
        if (await OpenAsync() is { } elsewhere)
        {
            return elsewhere;
        }

        if (!await HttpContext.IsOwnFormAsync())
        {
            return GoOn();
        }

        switch (decision)
        {
            case "allow":
                // Not bound as parameters: a form may repeat a name more often than MVC puts up with.
                var chosen = Offer.Choose(Request.Form["scope"], Request.Form["tool"]);
                if (resources.Get(Pending.Resource)?.Opens(chosen.Scopes) != true)
                {
                    (NothingLeft, Ticked) = (true, chosen);
                    return Page();
                }

                return Decide(await consents.GrantAsync(Person.UserId, Pending, Offer, chosen, HttpContext.RequestAborted));
            case "deny":
                return Decide(ConsentChoice.Nothing);
            case "other":
                await HttpContext.SignOutAsync(SessionsSetup.Scheme);
                return ContinuePage.To(Paths.Authorize + Pending.QueryForAnotherAccount(), "the next step");
            default:
                return Page();
        }
    }

    private ContinuePage Decide(ConsentChoice choice)
    {
        var allow = choice.Scopes.Count > 0;
        log.Write(HttpContext, (allow ? SecurityEvent.Success("consent_granted") : SecurityEvent.Failure("consent_denied", null)) with
        {
            ClientId = Pending.ClientId,
            Subject = Person.UserId,
            Scope = allow ? string.Join(' ', choice.Scopes) : Pending.Scopes,
            Reason = choice.Tools is { } tools ? $"only these tools: {string.Join(' ', tools)}" : null,
            SessionId = Person.SessionId,
        });
        var ticket = tickets.ProtectDecision(choice, Person.SessionId, Pending, offers.ToolsAt(Pending.Resource));
        var (url, target) = (AuthorizeEndpoint.AddressFor(Pending.Query, ticket), RedirectTarget.Of(Pending.RedirectUri));
        if (!target.LeavesPage)
        {
            return ContinuePage.To(url, target.FullName);
        }

        // The last page of ours that the person sees, if a program takes the answer from here.
        return allow
            ? new ContinuePage(url) { Heading = "Connected", Text = "You can close this window.", Link = $"If nothing has happened, open {target.FullName}" }
            : new ContinuePage(url) { Heading = "You declined", Text = "Nothing was allowed. You can close this window.", Link = $"If nothing has happened, tell {target.FullName}" };
    }

    private async Task<IActionResult?> OpenAsync()
    {
        if (tickets.Read(Ticket) is not { } pending)
        {
            return new ErrorResult(PersonError.Expired);
        }

        Pending = pending;
        if (!pending.IsFresh)
        {
            return GoOn();
        }

        if (SignedInPerson.From((await HttpContext.AuthenticateAsync(SessionsSetup.Scheme)).Principal) is not { } person)
        {
            // The session ended while the page was open: the authorization endpoint asks to sign in again.
            return GoOn();
        }

        Person = person;
        Offer = offers.For(pending);
        var before = pending.Approval == Approval.Remembered
            ? await remembered.FindAsync(person.UserId, pending.ClientId, pending.RedirectUri, pending.Resource, HttpContext.RequestAborted)
            : null;
        AllowedBefore = [.. Offer.Scopes.Where(scope => before?.Scopes.Contains(scope) == true)];
        Ticked = new ConsentChoice(Offer.Scopes, [.. Offer.Tools.Select(tool => tool.Name).Where(tool => before?.Tools?.Contains(tool) != false)], StaysConnected: true);
        return null;
    }

    private ContinuePage GoOn() => ContinuePage.To(Paths.Authorize + Pending.Asked, "the next step");
}
