using System.Text.RegularExpressions;
using McpIdentity.Mcp.Audit;
using McpIdentity.Server.Authorization;
using McpIdentity.Server.Clients;
using McpIdentity.Server.Federation;
using McpIdentity.Server.Pages;
using McpIdentity.Server.Policy;
using McpIdentity.Server.Protocol;
using McpIdentity.Server.Sessions;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.RazorPages;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace McpIdentity.Server.Connections;

/// <summary>
/// Asks a person whether they connect their account at a server behind this one. The link that an app shows them is for them alone: who
/// opened another's would connect their own account for that other (MCP, elicitation, URL mode: "phishing").
/// </summary>
[IgnoreAntiforgeryToken] // looked at here: a form that is out of date is shown again
[Address(Reader.People, "GET HEAD POST", Bucket = "account", TakesForms = true, KeepsOpener = true)]
internal sealed partial class ConnectModel(
    Connecting connecting, ConnectionLinks links, ConnectableServers servers, Vault vault, AuthorizationTickets tickets, ProtectedResources resources, KnownClients known,
    PolicyDecisions policy, Admission admission, SecurityLog log, ILogger<Connecting> logger) : PageModel
{
    private const string Denied = "denied";

    /// <summary>The page once more, where the person said no there, or an app's request goes on that could not be served.</summary>
    public static string AddressAfterFailure(string server, string? request, string problem, HttpContext http) =>
        $"{(request is null ? $"{Paths.Connections}/{server}?" : $"{Paths.ConnectFor(server, request)}&")}failed={(problem == Errors.AccessDenied ? Denied : ReferenceId.For(http))}";

    public SignedInPerson Person { get; private set; } = null!;

    public ConnectableServer Server { get; private set; } = null!;

    /// <summary>Since when the person is connected; null: not.</summary>
    public DateTimeOffset? Since { get; private set; }

    public bool IsForAnother { get; private set; }

    public bool IsOld { get; private set; }

    public bool IsLeft { get; private set; }

    /// <summary>The scopes that the link asks for beside what the person has allowed; null: none.</summary>
    public string? More { get; private set; }

    public bool IsEnded { get; private set; }

    public bool IsOutOfDate { get; private set; }

    /// <summary>The app was told to connect anew: what is there is not taken any more, and nothing was connected since.</summary>
    public bool IsAskedAnew { get; private set; }

    [BindProperty(Name = "link", SupportsGet = true)]
    public string? Link { get; set; }

    /// <summary>The protected ticket of an app's request, which goes on after this page.</summary>
    [BindProperty(Name = "request", SupportsGet = true)]
    public string? Ticket { get; set; }

    /// <summary>How the last try ended: the person, or the server, said no there; else the reference of what the log says of it.</summary>
    [BindProperty(Name = "failed", SupportsGet = true)]
    public string? Failed { get; set; }

    public bool WasDenied => Failed == Denied;

    /// <summary>What the reference of a failure is; null where there was none.</summary>
    public string? Reference => !WasDenied && Failed is not null && OneReference.IsMatch(Failed) ? Failed : null;

    /// <summary>That request; null where the page was opened without an app.</summary>
    public PendingAuthorization? Pending { get; private set; }

    public async Task<IActionResult> OnGetAsync(string server, CancellationToken cancellationToken) => await OpenAsync(server, cancellationToken) ?? Page();

    public async Task<IActionResult> OnPostAsync(string server, [FromForm] string? decision, CancellationToken cancellationToken)
    {
        if (await OpenAsync(server, cancellationToken) is { } elsewhere)
        {
            return elsewhere;
        }

        if (IsForAnother || IsOld)
        {
            return Page();
        }

        if (!await HttpContext.IsOwnFormAsync())
        {
            IsOutOfDate = true;
            Response.StatusCode = StatusCodes.Status400BadRequest;
            return Page();
        }

        if (Pending is not null && decision != "connect")
        {
            return GoOn(isLater: true);
        }

        if (decision == "disconnect")
        {
            var ended = await vault.EndAsync(Person.UserId, Server.Name, servers.Find);
            log.Write(HttpContext, SecurityEvent.Success("account_disconnected") with { Subject = Person.UserId, SessionId = Person.SessionId, Server = Server.Name });
            await ended.RevokedSoonAsync();
            IsEnded = true;
            return Page();
        }

        if (decision != "connect")
        {
            IsLeft = true;
            return Page();
        }

        try
        {
            var there = await connecting.BeginAsync(Server, Person, Ticket, More, cancellationToken);
            return ContinuePage.ToProvider(there.AbsoluteUri, there.Host);
        }
        catch (AuthorityException exception)
        {
            ConnectionsSetup.NotConnected(logger, Server.Name, ForeignText.Clean(exception.Message, 300), ReferenceId.For(HttpContext));
            if (Pending is not null)
            {
                Failed = ReferenceId.For(HttpContext);
                Response.StatusCode = StatusCodes.Status502BadGateway;
                return Page();
            }

            return new ErrorResult(ConnectionsSetup.Refused(Server) with { Status = StatusCodes.Status502BadGateway });
        }
    }

    // Null: the page is to be shown.
    private async Task<IActionResult?> OpenAsync(string name, CancellationToken cancellationToken)
    {
        if (servers.Find(name) is not { } server)
        {
            return new ErrorResult(PersonError.NotFound with { Status = StatusCodes.Status404NotFound });
        }

        if (Ticket is not null)
        {
            Pending = tickets.Read(Ticket);
            if (Pending is null || resources.Get(Pending.Resource)?.Server != name)
            {
                return new ErrorResult(PersonError.Expired);
            }
        }

        var signIn = Ticket ?? Paths.SignInNameOf(name, Link);
        if (SignedInPerson.From((await HttpContext.AuthenticateAsync(SessionsSetup.Scheme)).Principal) is not { } person || Pending is { IsFresh: false })
        {
            return Pending is not null ? ContinuePage.ToNextStep(Paths.Authorize + Pending.Asked) // which decides anew
                : Paths.OwnPageOf(signIn) is null ? new ErrorResult(PersonError.Expired) : Redirect(Paths.SignInFor(signIn));
        }

        if (admission.CheckAgain(person) is { } refusal)
        {
            HttpContext.Features.Set(new SignInRequest(signIn));
            return new ErrorResult(refusal with { Status = StatusCodes.Status403Forbidden });
        }

        (Person, Server) = (person, server);
        ConnectionLink? link = null;
        if (Link is not null)
        {
            link = links.Open(Link, name);
            (IsOld, IsForAnother, More) = (link is null, link is not null && link.UserId != person.UserId, link?.Scope);
            if (IsOld || IsForAnother)
            {
                Response.StatusCode = IsOld ? StatusCodes.Status400BadRequest : StatusCodes.Status403Forbidden;
                return null;
            }
        }

        if (!policy.MayReach(await policy.CallerAsync(person.UserId, Pending?.ClientId, cancellationToken), name))
        {
            return Pending is not null ? GoOn(isLater: true) : new ErrorResult(NotForThem(server) with { Status = StatusCodes.Status403Forbidden });
        }

        Since = (await vault.FindAsync(server, person.UserId, cancellationToken))?.Row.CreatedAt;
        IsAskedAnew = link is not null && !(Since > link.ExpiresAt - ConnectionLinks.Lifetime);
        return Pending is not null && Since is not null ? GoOn(isLater: false) : null;
    }

    private ContinuePage GoOn(bool isLater) => Ending.Allowed(AuthorizeEndpoint.AddressAfterAccount(Pending!, isLater, tickets), Pending!.RedirectUri, known);

    private static PersonError NotForThem(ConnectableServer server) => new(
        "access_denied", $"{server.DisplayName} is not for you", $"Whoever runs this server has not allowed you anything there.", $"Ask them, if you need it.");

    // As ReferenceId writes it: nothing else is repeated.
    [GeneratedRegex("^[A-Za-z0-9:]{1,64}$")]
    private static partial Regex OneReference { get; }
}
