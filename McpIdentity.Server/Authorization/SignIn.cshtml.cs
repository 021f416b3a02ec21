using McpIdentity.Mcp.Audit;
using McpIdentity.Server.Federation;
using McpIdentity.Server.Pages;
using McpIdentity.Server.Protocol;
using McpIdentity.Server.Sessions;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.RazorPages;
using Microsoft.AspNetCore.WebUtilities;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace McpIdentity.Server.Authorization;

/// <summary>
/// Says which client asks and where the answer will be sent, before anything goes upstream (MCP security best
/// practices: confused deputy); or signs somebody in for a page of our own. The upstream <c>state</c> and its cookie are made only
/// when the person has chosen, but where <see cref="OnlyWay"/> says otherwise.
/// </summary>
[IgnoreAntiforgeryToken] // looked at here: a form that is out of date goes on with its request
[Address(Reader.People, "GET HEAD POST", Bucket = "sign-in", TakesForms = true, SignsInBy = "POST", KeepsOpener = true)]
internal sealed class SignInModel(AuthorizationTickets tickets, SignInProviders providers, Admission admission, UserDirectory users, TimeProvider time, SecurityLog log) : PageModel
{
    /// <summary>The address of the page for one request; <paramref name="ticket"/> is protected.</summary>
    public static string AddressFor(string ticket) => Paths.SignInFor(ticket);

    /// <summary>The app's request that somebody signs in for; null where they sign in for a page of ours.</summary>
    public PendingAuthorization? Pending { get; private set; }

    public SignInProviders Providers => providers;

    /// <summary>Which of the providers it was the last time; null where this browser does not know.</summary>
    public string? ProviderOfLastTime => LastProvider.Of(HttpContext);

    /// <summary>What was wrong with the last attempt.</summary>
    public FormattableString? Problem { get; private set; }

    /// <summary>A protected ticket, or the name of a page of ours (<see cref="Paths.OwnPageOf"/>).</summary>
    [BindProperty(Name = "request", SupportsGet = true)]
    public string? Ticket { get; set; }

    /// <summary>Set where the person means another account than the one that the provider would take by itself.</summary>
    [BindProperty(Name = KnownParameters.Other, SupportsGet = true)]
    public string? Other { get; set; }

    // Where it goes on once somebody has signed in.
    private string Onward => Pending is null ? Paths.OwnPageOf(Ticket)! : Paths.Authorize + Pending.Query;

    /// <summary>
    /// The only provider, where the browser goes on to it at once: for a page of ours, and for an app in the web that the operator answers for,
    /// not for one that any program on the person's computer could be (RFC 8252 §8.6). Every other app is shown first, and so is the page to whoever may mean another account, or has just been at the provider for this.
    /// </summary>
    private UpstreamProvider? OnlyWay =>
        HttpMethods.IsGet(Request.Method) && Other is null && !Request.Query.ContainsKey(KnownParameters.Again) && providers.All is [var only] &&
        (Pending is null || (Pending is { Approval: Approval.ByOperator, SignInPrompt: null } && RedirectTarget.Of(Pending.RedirectUri).Kind == RedirectTargetKind.Site && !QueryHelpers.ParseQuery(Pending.Asked).ContainsKey(KnownParameters.SignedIn)))
            ? only
            : null;

    /// <param name="answer">The person does not want to try again: the error that the app is told.</param>
    /// <param name="done">The person has signed in, and a program that the browser shows nothing of may be next.</param>
    public IActionResult OnGet([FromQuery] string? answer, [FromQuery] string? done)
    {
        var elsewhere = Open();
        if (Pending is not null && answer is (Errors.AccessDenied or Errors.TemporarilyUnavailable))
        {
            return Redirect(AuthorizeEndpoint.AddressFor(Pending.Asked, tickets.ProtectRefusal(answer, Pending)));
        }

        return elsewhere ??
            (done is not null && Pending is not null ? GoOn(Request.Query.ContainsKey(KnownParameters.SignInTooOld) ? SignInDemand.NotMet : "")
            : OnlyWay is { } only ? GoTo(only)
            : Show());
    }

    public async Task<IActionResult> OnPostAsync([FromForm] string? provider, [FromForm] string? username)
    {
        if (Open() is { } elsewhere)
        {
            return elsewhere;
        }

        if (!await HttpContext.IsOwnFormAsync())
        {
            if (SignedInPerson.From(User) is not null)
            {
                return ContinuePage.ToNextStep(Pending is null ? Onward : Paths.Authorize + Pending.Asked);
            }

            Problem = $"Something has changed in this browser since the page was opened. Please choose again. If you read this a second time, the browser does not keep the cookies of this server: allow them.";
            return Page();
        }

        if (providers.Find(provider) is { } chosen)
        {
            return GoTo(chosen);
        }

        if (!providers.Demo || DemoProvider.Find(username) is not { } person)
        {
            Problem = providers.Demo ? (FormattableString)$"The demo users are alice and bob." : $"Choose how to sign in.";
            Response.StatusCode = StatusCodes.Status400BadRequest;
            return Page();
        }

        HttpContext.Features.Set(AsRequest());
        if (admission.Check(person, DemoProvider.DisplayName) is { } notAdmitted)
        {
            SignInFailure.Show(HttpContext, provider: null, notAdmitted, who: person);
            return new EmptyResult();
        }

        if (await users.RecogniseAsync(person with { AuthenticatedAt = time.GetUtcNow() }, HttpContext.RequestAborted) is not { } principal)
        {
            SignInFailure.Show(HttpContext, provider: null, SignInFailure.Disabled, who: person);
            return new EmptyResult();
        }

        await HttpContext.SignInAsync(SessionsSetup.Scheme, principal);
        return GoOn();
    }

    private IActionResult? Open()
    {
        if (Paths.OwnPageOf(Ticket) is not null)
        {
            return null;
        }

        if (tickets.Read(Ticket) is not { } pending)
        {
            return new ErrorResult(PersonError.Expired);
        }

        Pending = pending;
        HttpContext.Features.Set(pending.Facts);
        return pending.IsFresh ? null : ContinuePage.ToNextStep(Paths.Authorize + pending.Asked);
    }

    private PageResult Show()
    {
        if (Pending is not null && HttpMethods.IsGet(Request.Method))
        {
            log.Write(HttpContext, SecurityEvent.Success("sign_in_shown"));
        }

        return Page();
    }

    private GoToProvider GoTo(UpstreamProvider provider)
    {
        if (Pending is not null)
        {
            log.Write(HttpContext, SecurityEvent.Success("sign_in_sent") with { AuthMethod = provider.Id });
        }

        var prompt = Pending?.SignInPrompt ?? (Other is not null ? PromptValues.SelectAccount : Paths.WantsFreshSignIn(Ticket) ? PromptValues.Login : null);
        return new GoToProvider(
            provider,
            AsRequest(),
            // A private scheme shows nothing in the browser: our own page has to be the last one there, and not the provider's.
            Pending is not null && RedirectTarget.Of(Pending.RedirectUri).Kind == RedirectTargetKind.Links ? $"{Paths.SignInFor(Ticket!)}&done=1" : Onward,
            new SignInDemand(prompt, Pending?.MaxAge, Other is null ? Pending?.LoginHint : null)); // a hint would lead back to the same account
    }

    private SignInRequest AsRequest() => new(Ticket!)
    {
        Host = Pending is null ? null : RedirectTarget.HostOf(Pending.RedirectUri),
        Language = PageLanguage.Current,
        Facts = Pending?.Facts,
    };

    private ContinuePage GoOn(string more = "") =>
        Pending is null ? ContinuePage.ToNextStep(Onward) : Ending.SignedIn(Onward + more, RedirectTarget.Of(Pending.RedirectUri));
}
