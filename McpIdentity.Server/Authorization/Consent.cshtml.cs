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
internal sealed class ConsentModel(AuthorizationTickets tickets, Consents consents, ProtectedResources resources, SignInProviders providers, SecurityLog log) : PageModel
{
    private const int MaxLanguages = 20;

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

    /// <summary>Name and plain words of what is asked for, in the language that the person reads where there are words in it.</summary>
    public IEnumerable<(string Name, string Words, string Language)> Scopes
    {
        get
        {
            string[] languages = [.. Pending.Languages.Concat(PageLanguage.OfBrowser(Request)).Where(tag => tag.Length <= Scope.MaxTagLength).Take(MaxLanguages)];
            return Pending.Scopes.Split(' ').Select(scope =>
            {
                var (words, language) = resources.Get(Pending.Resource)?.MeaningOf(scope, languages) ?? (scope, "");
                return (scope, words, language);
            });
        }
    }

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
                await consents.GrantAsync(Person.UserId, Pending, HttpContext.RequestAborted);
                return Decide(allow: true);
            case "deny":
                return Decide(allow: false);
            case "other":
                await HttpContext.SignOutAsync(SessionsSetup.Scheme);
                return ContinuePage.ToNextStep(Paths.Authorize + Pending.QueryForAnotherAccount());
            default:
                return Page();
        }
    }

    private ContinuePage Decide(bool allow)
    {
        log.Write(HttpContext, (allow ? SecurityEvent.Success("consent_granted") : SecurityEvent.Failure("consent_denied", null)) with
        {
            ClientId = Pending.ClientId,
            Subject = Person.UserId,
            Scope = Pending.Scopes,
            SessionId = Person.SessionId,
        });
        var ticket = tickets.ProtectDecision(allow, Person.SessionId, Pending.Query);
        var (url, target) = (AuthorizeEndpoint.AddressFor(Pending.Query, ticket), RedirectTarget.Of(Pending.RedirectUri));
        if (!target.LeavesPage)
        {
            return new ContinuePage(url) { Text = $"You are being sent on to {target.FullName}." };
        }

        // The last page of ours that the person sees, if a program takes the answer from here.
        return allow
            ? new ContinuePage(url) { Heading = $"Connected", Text = $"You can close this window.", Link = $"If nothing has happened, open {target.FullName}" }
            : new ContinuePage(url) { Heading = $"You declined", Text = $"Nothing was allowed. You can close this window.", Link = $"If nothing has happened, tell {target.FullName}" };
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
        return null;
    }

    private ContinuePage GoOn() => ContinuePage.ToNextStep(Paths.Authorize + Pending.Asked);
}
