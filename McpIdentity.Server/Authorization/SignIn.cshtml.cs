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

namespace McpIdentity.Server.Authorization;

/// <summary>
/// Says which client asks and where the answer will be sent, before anything goes upstream (MCP security best
/// practices: confused deputy). The upstream <c>state</c> and its cookie are made only by the POST.
/// </summary>
[Address(Reader.People, "GET HEAD POST", Bucket = "sign-in", TakesForms = true, SignsInBy = "POST")]
internal sealed class SignInModel(AuthorizationTickets tickets, SignInProviders providers, Admission admission, UserDirectory users, TimeProvider time) : PageModel
{
    /// <summary>The address of the page for one request; <paramref name="ticket"/> is protected.</summary>
    public static string AddressFor(string ticket) => $"{Paths.SignIn}?request={ticket}";

    public PendingAuthorization Pending { get; private set; } = null!;

    public SignInProviders Providers => providers;

    /// <summary>What was wrong with the last attempt.</summary>
    public string? Problem { get; private set; }

    [BindProperty(Name = "request", SupportsGet = true)]
    public string? Ticket { get; set; }

    public IActionResult OnGet() => Open() ?? Page();

    public async Task<IActionResult> OnPostAsync([FromForm] string? provider, [FromForm] string? username)
    {
        if (Open() is { } expired)
        {
            return expired;
        }

        var back = Paths.Authorize + Pending.Query;
        if (providers.Find(provider) is { } chosen)
        {
            var demand = new SignInDemand(Pending.SignInPrompt, Pending.MaxAge, Pending.LoginHint);
            return chosen.Id == GoogleSignIn.Scheme
                ? Challenge(GoogleSignIn.Start(chosen, back, demand, time.GetUtcNow()), GoogleSignIn.Scheme)
                : await ChallengeAsync(chosen, back, demand);
        }

        if (!providers.Demo || DemoProvider.Find(username) is not { } person)
        {
            Problem = providers.Demo ? "The demo users are alice and bob." : "Choose how to sign in.";
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
        return new ContinuePage(back, Pending.ClientName);
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
        return null;
    }
}
