using McpIdentity.Server.Federation;
using McpIdentity.Server.Pages;
using McpIdentity.Server.Protocol;
using McpIdentity.Server.Sessions;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.RazorPages;
using OpenIddict.Abstractions;
using OpenIddict.Client;
using OpenIddict.Client.AspNetCore;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace McpIdentity.Server.Authorization;

/// <summary>
/// Says which client asks and where the answer will be sent, before anything goes upstream (MCP security best
/// practices: confused deputy). The upstream <c>state</c> and its cookie are made only by the POST.
/// </summary>
[IgnoreAntiforgeryToken] // looked at here: a form that is out of date goes on with its request
[Address(Reader.People, "GET HEAD POST", Bucket = "sign-in", TakesForms = true, SignsInBy = "POST", KeepsOpener = true)]
internal sealed class SignInModel(AuthorizationTickets tickets, SignInProviders providers, Admission admission, UserDirectory users, TimeProvider time) : PageModel
{
    /// <summary>The address of the page for one request; <paramref name="ticket"/> is protected.</summary>
    public static string AddressFor(string ticket) => Paths.SignInFor(ticket);

    public PendingAuthorization Pending { get; private set; } = null!;

    public SignInProviders Providers => providers;

    /// <summary>What was wrong with the last attempt.</summary>
    public FormattableString? Problem { get; private set; }

    [BindProperty(Name = "request", SupportsGet = true)]
    public string? Ticket { get; set; }

    /// <param name="answer">The person does not want to try again: the error that the app is told.</param>
    /// <param name="done">The person has signed in, and a program that the browser shows nothing of may be next.</param>
    public IActionResult OnGet([FromQuery] string? answer, [FromQuery] string? done)
    {
        var elsewhere = Open();
        if (Pending is not null && answer is (Errors.AccessDenied or Errors.TemporarilyUnavailable))
        {
            return Redirect(AuthorizeEndpoint.AddressFor(Pending.Asked, tickets.ProtectRefusal(answer, Pending)));
        }

        return elsewhere ?? (done is not null ? GoOn(Request.Query.ContainsKey(KnownParameters.SignInTooOld) ? SignInDemand.NotMet : "") : Page());
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
                return ContinuePage.ToNextStep(Paths.Authorize + Pending.Asked);
            }

            Problem = $"Something has changed in this browser since the page was opened. Please choose again. If you read this a second time, the browser does not keep the cookies of this server: allow them.";
            return Page();
        }

        HttpContext.Features.Set(new SignInRequest(Ticket!));
        var back = RedirectTarget.Of(Pending.RedirectUri).Kind == RedirectTargetKind.Links ? $"{Paths.SignInFor(Ticket!)}&done=1" : Paths.Authorize + Pending.Query;
        if (providers.Find(provider) is { } chosen)
        {
            var demand = new SignInDemand(Pending.SignInPrompt, Pending.MaxAge, Pending.LoginHint);
            return chosen.Id == GoogleSignIn.Scheme
                ? Challenge(GoogleSignIn.Start(chosen, back, demand, time.GetUtcNow()), GoogleSignIn.Scheme)
                : await ChallengeAsync(chosen, back, demand);
        }

        if (!providers.Demo || DemoProvider.Find(username) is not { } person)
        {
            Problem = providers.Demo ? (FormattableString)$"The demo users are alice and bob." : $"Choose how to sign in.";
            Response.StatusCode = StatusCodes.Status400BadRequest;
            return Page();
        }

        if (admission.Check(person, "The demo provider") is { } notAdmitted)
        {
            SignInFailure.Show(HttpContext, provider: null, notAdmitted);
            return new EmptyResult();
        }

        if (await users.RecogniseAsync(person with { AuthenticatedAt = time.GetUtcNow() }, HttpContext.RequestAborted) is not { } principal)
        {
            SignInFailure.Show(HttpContext, provider: null, SignInFailure.Disabled);
            return new EmptyResult();
        }

        await HttpContext.SignInAsync(SessionsSetup.Scheme, principal);
        return GoOn();
    }

    private async Task<IActionResult> ChallengeAsync(UpstreamProvider provider, string back, SignInDemand demand)
    {
        OpenIddictConfiguration configuration;
        try
        {
            // Cached; asked for here because a challenge has no other way to say that the provider does not answer.
            configuration = await HttpContext.RequestServices.GetRequiredService<OpenIddictClientService>()
                .GetServerConfigurationByRegistrationIdAsync(provider.Id, HttpContext.RequestAborted);
        }
        catch (Exception exception) when (!HttpContext.RequestAborted.IsCancellationRequested)
        {
            SignInFailure.Show(HttpContext, provider, SignInFailure.NoDiscovery(provider), exception.GetBaseException().Message);
            return new EmptyResult();
        }

        var properties = new AuthenticationProperties { RedirectUri = back };
        properties.Items[OpenIddictClientAspNetCoreConstants.Properties.RegistrationId] = provider.Id;
        demand.KeepIn(properties.Items, time.GetUtcNow());
        foreach (var (name, value) in demand.ParametersFor(provider, configuration))
        {
            properties.SetParameter(name, value);
        }

        return Challenge(properties, OpenIddictClientAspNetCoreDefaults.AuthenticationScheme);
    }

    private IActionResult? Open()
    {
        if (tickets.Read(Ticket) is not { } pending)
        {
            return new ErrorResult(PersonError.Expired);
        }

        Pending = pending;
        return pending.IsFresh ? null : ContinuePage.ToNextStep(Paths.Authorize + pending.Asked);
    }

    private ContinuePage GoOn(string more = "")
    {
        var (url, target) = (Paths.Authorize + Pending.Query + more, RedirectTarget.Of(Pending.RedirectUri));
        return target.LeavesPage
            ? new ContinuePage(url) { Heading = $"You are signed in", Text = $"If no other page opens here, {target.FullName} has taken over, and you can close this window." }
            : new ContinuePage(url) { Text = $"You are being sent on to {target.FullName}." };
    }
}
