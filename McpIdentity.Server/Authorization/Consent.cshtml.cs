using McpIdentity.Mcp.Audit;
using McpIdentity.Server.Clients;
using McpIdentity.Server.Federation;
using McpIdentity.Server.Pages;
using McpIdentity.Server.Protocol;
using McpIdentity.Server.Sessions;
using McpIdentity.Server.Settings;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.RazorPages;
using Microsoft.Extensions.Localization;
using Microsoft.Extensions.Options;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace McpIdentity.Server.Authorization;

/// <summary>Asks a signed-in person whether a client may act for them.</summary>
[IgnoreAntiforgeryToken] // looked at here: a form that is out of date goes on with its request
[Address(Reader.People, "GET HEAD POST", Bucket = "consent", TakesForms = true, Repeats = $"{ConsentOffer.ScopeBox} {ConsentOffer.ToolBox}", KeepsOpener = true)]
internal sealed class ConsentModel(
    AuthorizationTickets tickets, Consents consents, ConsentOffers offers, MissingAccounts accounts, RememberedScopes remembered, ProtectedResources resources,
    SignInProviders providers, KnownClients known, IStringLocalizer<Words> words, IOptions<OAuthServerOptions> options, SecurityLog log) : PageModel
{
    /// <summary>The address of the page for one request; <paramref name="ticket"/> is protected.</summary>
    public static string AddressFor(string ticket) => $"{Paths.Consent}?request={ticket}";

    public PendingAuthorization Pending { get; private set; } = null!;

    public SignedInPerson Person { get; private set; } = null!;

    /// <summary>Which of their accounts it is: people have several, with one name.</summary>
    public string Account => Person.Name is not null && Person.Email is not null ? $"{Person.Name} ({Person.Email})" : Person.DisplayName;

    /// <summary>What the provider is called that they signed in with.</summary>
    public string Provider => providers.NameOf(Person.Provider);

    [BindProperty(Name = "request", SupportsGet = true)]
    public string? Ticket { get; set; }

    /// <summary>What there is to choose among.</summary>
    public ConsentOffer Offer { get; private set; } = null!;

    /// <summary>What is ticked: at first everything, but for tools that were taken away before, and those that are asked for by name.</summary>
    public ConsentChoice Ticked { get; private set; } = null!;

    /// <summary>Allow was pressed with nothing left that opens the resource.</summary>
    public bool NothingLeft { get; private set; }

    /// <summary>What the person has not allowed this client before.</summary>
    public IReadOnlyList<ScopeRow> New { get; private set; } = [];

    /// <summary>What they have, and may take back.</summary>
    public IReadOnlyList<ScopeRow> AllowedBefore { get; private set; } = [];

    /// <summary>What the resource is called; its identifier where nobody has said.</summary>
    public string ResourceName => resources.Get(Pending.Resource)?.Name ?? Pending.Resource;

    /// <summary>How long a client has access that does not stay connected.</summary>
    public int Minutes => (int)Math.Ceiling(options.Value.AccessTokenLifetime.TotalMinutes);

    public async Task<IActionResult> OnGetAsync()
    {
        if (await OpenAsync() is { } elsewhere)
        {
            return elsewhere;
        }

        if (HttpMethods.IsGet(Request.Method))
        {
            log.Write(HttpContext, SecurityEvent.Success("consent_shown") with { Scope = Pending.Scopes });
        }

        return Page();
    }

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
            case "allow" when Request.Form.ContainsKey(ConsentOffer.HasBoxes):
                // Not bound as parameters: a form may repeat a name more often than MVC puts up with.
                var chosen = Offer.Choose(Request.Form[ConsentOffer.ScopeBox], Request.Form[ConsentOffer.ToolBox]);
                if (resources.Get(Pending.Resource)?.Opens(chosen.Scopes) != true)
                {
                    (NothingLeft, Ticked) = (true, chosen);
                    return Page();
                }

                return await DecideAsync(await consents.GrantAsync(Person.UserId, Pending, Offer, chosen, HttpContext.RequestAborted));
            case "deny":
                return await DecideAsync(ConsentChoice.Nothing);
            case "other":
                await HttpContext.SignOutAsync(SessionsSetup.Scheme);
                return ContinuePage.ToNextStep(Paths.Authorize + Pending.QueryForAnotherAccount());
            default:
                return Page();
        }
    }

    private async Task<ContinuePage> DecideAsync(ConsentChoice choice)
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
        var ticket = tickets.ProtectDecision(choice, Person.SessionId, Pending, offers.ToolsAt(Pending.Resource, Offer.Caller));
        var url = AuthorizeEndpoint.AddressFor(Pending.Query, ticket);
        return !allow ? Ending.Declined(url, Pending.RedirectUri)
            : await accounts.FindAsync(Pending, Person, HttpContext.RequestAborted) is null ? Ending.Allowed(url, Pending.RedirectUri, known)
            : ContinuePage.ToNextStep(url); // they are asked for their account first
    }

    private async Task<IActionResult?> OpenAsync()
    {
        if (tickets.Read(Ticket) is not { } pending)
        {
            return new ErrorResult(PersonError.Expired);
        }

        Pending = pending;
        if (!pending.IsFresh || pending.MayRefresh is null)
        {
            return GoOn();
        }

        if (SignedInPerson.From((await HttpContext.AuthenticateAsync(SessionsSetup.Scheme)).Principal) is not { } person)
        {
            // The session ended while the page was open: the authorization endpoint asks to sign in again.
            return GoOn();
        }

        Person = person;
        HttpContext.Features.Set(Pending.Facts with { Subject = person.UserId, SessionId = person.SessionId });
        await LookAsync(HttpContext.RequestAborted);
        return null;
    }

    private async Task LookAsync(CancellationToken cancellationToken)
    {
        Offer = offers.For(Pending, Person);
        var before = Pending.Approval == Approval.Remembered
            ? await remembered.FindAsync(Person.UserId, Pending.ClientId, Pending.RedirectUri, Pending.Resource, cancellationToken)
            : null;
        Ticked = new ConsentChoice(Offer.Scopes, [.. Offer.Tools.Select(tool => tool.Name).Where(tool => before?.Tools?.Contains(tool) ?? !Offer.Asked.Contains(tool))], StaysConnected: true);
        string[] languages = [.. Pending.Languages, .. PageLanguage.OfBrowser(Request)];
        var rows = (resources.Get(Pending.Resource)?.Grantable ?? [])
            .Where(scope => Offer.Scopes.Contains(scope.Name) && scope.Name != Scopes.OfflineAccess)
            .Select(scope => ScopeRow.Of(scope, Offer.Locked.Contains(scope.Name), Person, languages, words))
            .ToLookup(row => before?.Scopes.Contains(row.Name) == true);
        (New, AllowedBefore) = ([.. rows[false]], [.. rows[true]]);
    }

    private ContinuePage GoOn() => ContinuePage.ToNextStep(Paths.Authorize + Pending.Asked);
}
