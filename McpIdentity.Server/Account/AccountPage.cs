using McpIdentity.Server.Authorization;
using McpIdentity.Server.Federation;
using McpIdentity.Server.Pages;
using McpIdentity.Server.Protocol;
using McpIdentity.Server.Sessions;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.Filters;
using Microsoft.AspNetCore.Mvc.RazorPages;

namespace McpIdentity.Server.Account;

/// <summary>
/// What the pages below <c>/account</c> share: they are for the person who is signed in, while the operator admits them. An act has
/// a page of its own that says what will end, and a form there; afterwards the browser is at the list again, which says what was done.
/// </summary>
[IgnoreAntiforgeryToken] // looked at by each: a form that is out of date is shown again
internal abstract class AccountPage : PageModel
{
    public SignedInPerson Person { get; private set; } = null!;

    /// <summary>Whether the person is one of <c>Mcp:AdminUsers</c>.</summary>
    public bool IsAdministrator => Service<Administrators>().Include(VouchedPerson.Of(Person));

    /// <summary>The form that was sent was not followed: the page says so, and asks again.</summary>
    public bool IsOutOfDate { get; private set; }

    /// <summary>What the person has just done, for the page to say.</summary>
    public Done.Act? JustDone { get; private set; }

    public override async Task OnPageHandlerExecutionAsync(PageHandlerExecutingContext context, PageHandlerExecutionDelegate next)
    {
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(next);
        if (SignedInPerson.From((await HttpContext.AuthenticateAsync(SessionsSetup.Scheme)).Principal) is not { } person)
        {
            context.Result = Redirect(Paths.SignInFor(Paths.OwnAccount));
            return;
        }

        if (Service<Admission>().CheckAgain(person) is { } refusal)
        {
            HttpContext.Features.Set(new SignInRequest(Paths.OwnAccount)); // the page leads on to another try
            context.Result = new ErrorResult(refusal with { Status = StatusCodes.Status403Forbidden });
            return;
        }

        Person = person;
        JustDone = Service<Done>().Read(Request.Query[Done.Parameter], person);
        await next();
    }

    /// <summary>Whether the form is the person's own and of now.</summary>
    protected async Task<bool> IsOwnFormAsync()
    {
        if (await HttpContext.IsOwnFormAsync())
        {
            return true;
        }

        IsOutOfDate = true;
        Response.StatusCode = StatusCodes.Status400BadRequest;
        return false;
    }

    /// <summary>Back to a list, which says what was done (RFC 9110 §15.4.4): loading that page again does nothing again.</summary>
    protected IActionResult SeeDone(string list, Done.Act act)
    {
        Response.Headers.Location = Service<Done>().AddressOf(list, act, Person);
        return StatusCode(StatusCodes.Status303SeeOther);
    }

    protected int AskedPage => Pager.Parse(Request.Query["page"]);

    private T Service<T>()
        where T : notnull => HttpContext.RequestServices.GetRequiredService<T>();
}
