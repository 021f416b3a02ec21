using McpIdentity.Server.Administration;
using McpIdentity.Server.Federation;
using McpIdentity.Server.Pages;
using McpIdentity.Server.Protocol;
using McpIdentity.Server.Roles;
using McpIdentity.Server.Sessions;
using McpIdentity.Server.Settings;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.Filters;
using Microsoft.AspNetCore.Mvc.RazorPages;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.AdminPages;

/// <summary>
/// What the pages below <c>/admin</c> share: they are for people with a role, which is looked up for each request. A form says what it
/// does; afterwards the browser is at a page again that says what was done. What cannot be undone has a page that asks for the name.
/// </summary>
[IgnoreAntiforgeryToken] // looked at here: a form that is out of date is shown again
internal abstract class ConsolePage : PageModel
{
    public SignedInPerson Person { get; private set; } = null!;

    public AdminRole Role { get; private set; }

    /// <summary>Which entry of the navigation it belongs to.</summary>
    public abstract string Section { get; }

    /// <summary>What somebody needs to see it.</summary>
    protected virtual AdminRight ToRead => AdminRight.Read;

    /// <summary>What somebody needs to send its form.</summary>
    protected virtual AdminRight ToWrite => AdminRight.Write;

    /// <summary>Why the form was not followed; null where it was, or there was none.</summary>
    public AdminProblem? Problem { get; protected set; }

    /// <summary>What was just done, for the page to say.</summary>
    public string? JustDone { get; private set; }

    /// <summary>How the same is done on the server, for whom the sign-in that it needs cannot be had.</summary>
    protected virtual string ByCommandLine => "mcpidentity --help";

    /// <summary>Whether to offer the form.</summary>
    public bool MayWrite => Role.May(ToWrite);

    public bool May(AdminRight right) => Role.May(right);

    /// <summary>How many rows a page of a list has.</summary>
    protected const int PageSize = 50;

    /// <summary>This page with what it was asked for, for its forms and for what follows them.</summary>
    public string Here => Request.Path + QueryString.Create(Request.Query.Where(parameter => parameter.Key is not (ConsoleNotices.Parameter or KnownParameters.SignedInAnew or KnownParameters.SignInTooOld or "handler")).Select(parameter => KeyValuePair.Create(parameter.Key, (string?)parameter.Value.ToString())));

    /// <summary>What was typed; null where it is nothing.</summary>
    protected static string? Filled(string? text) => string.IsNullOrWhiteSpace(text) ? null : text.Trim();

    protected Operator By => new(Person.Email ?? Person.UserId, Person.UserId, Role, Operator.ByConsole);

    public override async Task OnPageHandlerExecutionAsync(PageHandlerExecutingContext context, PageHandlerExecutionDelegate next)
    {
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(next);
        context.Result = await RefuseAsync();
        if (context.Result is not null)
        {
            return;
        }

        if (HttpMethods.IsPost(Request.Method))
        {
            if (context.HandlerMethod is null)
            {
                context.Result = Missing(); // a form of no page
                return;
            }

            // What was begun is done to its end, also when the browser has gone.
            foreach (var name in context.HandlerArguments.Where(argument => argument.Value is CancellationToken).Select(argument => argument.Key).ToList())
            {
                context.HandlerArguments[name] = CancellationToken.None;
            }
        }

        JustDone = Service<ConsoleNotices>().Read(Request.Query[ConsoleNotices.Parameter], Person);
        if (Service<ConsoleNotices>().WasAskedAnew(Request.Query[KnownParameters.SignedInAnew], Person))
        {
            (JustDone, Problem) = IsFresh ? ("You have signed in anew. Please do it again.", null) : (JustDone, NotFresh);
        }

        await next();
    }

    /// <summary>Back to a page, which says what was done (RFC 9110 §15.4.4): loading that page again does nothing again.</summary>
    protected IActionResult SeeDone(string path, string done)
    {
        Response.Headers.Location = Service<ConsoleNotices>().AddressOf(path, done, Person);
        return StatusCode(StatusCodes.Status303SeeOther);
    }

    /// <summary>The page again, with why its form was not followed.</summary>
    protected IActionResult Refused(AdminProblem problem)
    {
        Problem = problem;
        Response.StatusCode = problem.Status;
        return Page();
    }

    /// <summary>There is nothing of this name.</summary>
    protected static IActionResult Missing() => new ErrorResult(PersonError.NotFound with { Status = StatusCodes.Status404NotFound });

    private async Task<IActionResult?> RefuseAsync()
    {
        if (!Service<IOptions<AdminOptions>>().Value.Console)
        {
            return Missing();
        }

        if (SignedInPerson.From((await HttpContext.AuthenticateAsync(SessionsSetup.Scheme)).Principal) is not { } person)
        {
            var signIn = Paths.SignInFor(Paths.SignInNameOfConsole(Here, fresh: false));
            if (!Request.Headers.ContainsKey("HX-Request"))
            {
                return Redirect(signIn);
            }

            Response.Headers["HX-Redirect"] = signIn; // a page that renews itself begins no sign-in, but leads to it
            return StatusCode(StatusCodes.Status401Unauthorized);
        }

        Person = person;
        if (Service<Admission>().CheckAgain(person) is { } refusal)
        {
            return new ErrorResult(refusal with { Status = StatusCodes.Status403Forbidden });
        }

        if (await Service<AdminRoles>().FindAsync(VouchedPerson.Of(person), HttpContext.RequestAborted) is not { } role || !role.May(ToRead))
        {
            return new ErrorResult(NoRole with { SignedInAs = $"{person.DisplayName}" });
        }

        Role = role;
        if (!HttpMethods.IsPost(Request.Method))
        {
            return null;
        }

        if (!await HttpContext.IsOwnFormAsync())
        {
            return SeeDone(Here, "Nothing was done: the form was made before something changed in this browser. Please do it again.");
        }

        return !MayWrite ? new ErrorResult(NoRole)
            : AdminRights.NeedsFreshSignIn(ToWrite) && !IsFresh ? Redirect(Paths.SignInFor(Paths.SignInNameOfConsole(Service<ConsoleNotices>().AskingAnew(Here, Person), fresh: true)))
            : null;
    }

    private bool IsFresh => AdminRights.IsFresh(Person.AuthenticatedAt, Service<TimeProvider>().GetUtcNow());

    // Once is enough to learn that to sign in again does not help (RFC 9470 §4).
    private AdminProblem NotFresh => new("sign_in_too_old", StatusCodes.Status403Forbidden,
        $"{(Person.AuthenticatedAt is null ? "Your sign-in provider does not say when you signed in" : "Your sign-in provider let you through without asking you anew")}, and this needs a sign-in of the last {AdminRights.Fresh.TotalMinutes:0} minutes. Do it on the server by the command line: {ByCommandLine}.");

    private static PersonError NoRole => new(
        "access_denied", $"You may not see this", $"The account that you are signed in with administers nothing here.",
        $"Ask an owner of this server for a role.")
    {
        Status = StatusCodes.Status403Forbidden,
        OffersOtherAccount = true,
    };

    private T Service<T>()
        where T : notnull => HttpContext.RequestServices.GetRequiredService<T>();
}
