using McpIdentity.Server.Authorization;
using McpIdentity.Server.Hosting;
using McpIdentity.Server.Sessions;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.RazorPages;

namespace McpIdentity.Server.Federation;

/// <summary>
/// Says which client asks and where the answer will be sent, before anything goes upstream (MCP security best
/// practices: confused deputy). The upstream <c>state</c> and its cookie are made only by the POST.
/// </summary>
internal sealed class SignInModel(AuthorizationTickets tickets, SignInProviders providers, UserDirectory users) : PageModel
{
    private const string Path = "/signin";

    /// <summary>The address of the page for one request; <paramref name="ticket"/> is protected.</summary>
    public static string AddressFor(string ticket) => $"{Path}?request={ticket}";

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

        var back = AuthorizeEndpoint.Path + Pending.Query;
        if (provider == GoogleSignIn.Scheme && providers.Google)
        {
            return Challenge(new AuthenticationProperties { RedirectUri = back }, GoogleSignIn.Scheme);
        }

        if (!providers.Demo || DemoProvider.Find(username) is not { } person)
        {
            Problem = providers.Demo ? "The demo users are alice and bob." : "Choose how to sign in.";
            Response.StatusCode = StatusCodes.Status400BadRequest;
            return Page();
        }

        if (await users.RecogniseAsync(person, HttpContext.RequestAborted) is not { } principal)
        {
            return new ErrorResult(SignInFailure.Disabled);
        }

        await HttpContext.SignInAsync(SessionsSetup.Scheme, principal);
        return new ContinuePage(back, Pending.ClientName);
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
