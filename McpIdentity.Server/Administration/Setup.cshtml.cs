using McpIdentity.Server.Federation;
using McpIdentity.Server.Pages;
using McpIdentity.Server.Protocol;
using McpIdentity.Server.Sessions;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.RazorPages;

namespace McpIdentity.Server.Administration;

/// <summary>
/// Where a setup link leads: says what it does, lets whoever opened it sign in, and makes them an owner when they say so. Opening the link
/// alone does nothing, since mail programs and chats open links too.
/// </summary>
[IgnoreAntiforgeryToken] // looked at here: a form that is out of date is shown again
[Address(Reader.People, "GET HEAD POST", Bucket = "setup", TakesForms = true)]
internal sealed class SetupModel(SetupLinks links, Admission admission, TimeProvider time) : PageModel
{
    private byte[] _hash = [];

    /// <summary>Who is signed in; null: nobody.</summary>
    public SignedInPerson? Person { get; private set; }

    /// <summary>The link, for the way through the sign-in.</summary>
    public string Closed { get; private set; } = "";

    /// <summary><c>used</c>, <c>old</c> or <c>unknown</c>; null: the link is good.</summary>
    public string? Problem { get; private set; }

    public bool IsDone { get; private set; }

    public bool IsOutOfDate { get; private set; }

    [BindProperty(Name = SetupLinks.Parameter, SupportsGet = true)]
    public string? Token { get; set; }

    [BindProperty(Name = "link", SupportsGet = true)]
    public string? Link { get; set; }

    public async Task<IActionResult> OnGetAsync(CancellationToken cancellationToken) => await OpenAsync(cancellationToken) ?? Page();

    public async Task<IActionResult> OnPostAsync([FromForm] string? decision, CancellationToken cancellationToken)
    {
        if (await OpenAsync(cancellationToken) is { } elsewhere)
        {
            return elsewhere;
        }

        if (Problem is not null)
        {
            return Page();
        }

        if (!await HttpContext.IsOwnFormAsync())
        {
            IsOutOfDate = true;
            Response.StatusCode = StatusCodes.Status400BadRequest;
            return Page();
        }

        if (Person is null || decision != "become")
        {
            return ContinuePage.ToNextStep(Paths.SignInFor(Paths.SetupNameOf(Closed)));
        }

        IsDone = await links.UseAsync(_hash, Person.UserId, Person.Email ?? Person.UserId, cancellationToken);
        if (!IsDone)
        {
            Refuse("used"); // by another at the same moment
        }

        return Page();
    }

    // Null: the page is to be shown.
    private async Task<IActionResult?> OpenAsync(CancellationToken cancellationToken)
    {
        var link = links.MayTravel && links.HashIn(Token, Link) is { } hash && await links.FindAsync(_hash = hash, cancellationToken) is { } found ? found : null;
        if (link is null || link.UsedAt is not null || link.ExpiresAt <= time.GetUtcNow())
        {
            Refuse(link is null ? "unknown" : link.UsedAt is not null ? "used" : "old");
            return null;
        }

        Closed = links.Close(_hash);
        Person = SignedInPerson.From((await HttpContext.AuthenticateAsync(SessionsSetup.Scheme)).Principal);
        if (Person is null || admission.CheckAgain(Person) is not { } refusal)
        {
            return null;
        }

        HttpContext.Features.Set(new SignInRequest(Paths.SetupNameOf(Closed)));
        return new ErrorResult(refusal with { Status = StatusCodes.Status403Forbidden });
    }

    private void Refuse(string problem)
    {
        Problem = problem;
        Response.StatusCode = problem == "unknown" ? StatusCodes.Status404NotFound : StatusCodes.Status410Gone;
    }
}
