using McpIdentity.Server.Pages;
using McpIdentity.Server.Protocol;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.RazorPages;

namespace McpIdentity.Server.Sessions;

/// <summary>
/// Ends the sign-in session and everything that was granted from it. Asked before, because a link or an image elsewhere can
/// open the address; the form carries an antiforgery token.
/// </summary>
[IgnoreAntiforgeryToken] // looked at here: who signs out a second time has nothing to read of requests
[Address(Reader.People, "GET HEAD POST", Bucket = "oauth", TakesForms = true)]
internal sealed class SignOutModel(SignInSessions sessions) : PageModel
{
    /// <summary>Who would be signed out; null when nobody is signed in, or not any more.</summary>
    public SignedInPerson? Person { get; private set; }

    public async Task OnGetAsync() => Person = await FindAsync();

    public async Task<IActionResult> OnPostAsync()
    {
        if (!await HttpContext.IsOwnFormAsync())
        {
            Person = await FindAsync(); // asked again; or, when nobody is signed in any more, told so
            return Page();
        }

        if (await FindAsync() is { } person)
        {
            await sessions.EndAsync(person.SessionId, HttpContext.RequestAborted);
        }

        await HttpContext.SignOutAsync(SessionsSetup.Scheme);
        return Page();
    }

    private async Task<SignedInPerson?> FindAsync() => SignedInPerson.From((await HttpContext.AuthenticateAsync(SessionsSetup.Scheme)).Principal);
}
