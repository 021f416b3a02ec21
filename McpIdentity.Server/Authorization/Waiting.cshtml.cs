using McpIdentity.Server.Clients;
using McpIdentity.Server.Pages;
using McpIdentity.Server.Protocol;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.RazorPages;
using OpenIddict.Abstractions;

namespace McpIdentity.Server.Authorization;

/// <summary>
/// What a person sees of a client that an operator has not approved yet. It looks again by the header <c>Refresh</c>, so that
/// it needs no script, as none of our pages does, and goes on to <c>/oauth/authorize</c> once the client was approved or is gone.
/// </summary>
[Address(Reader.People, "GET HEAD", Bucket = "waiting", TakesForms = true, KeepsOpener = true)]
internal sealed class WaitingModel(AuthorizationTickets tickets, IOpenIddictApplicationManager clients) : PageModel
{
    private const string Seconds = "5";

    /// <summary>The address of the page for one request; <paramref name="ticket"/> is protected.</summary>
    public static string AddressFor(string ticket) => $"{Paths.Waiting}?request={ticket}";

    public PendingAuthorization Pending { get; private set; } = null!;

    public string Address => AddressFor(Ticket!);

    [BindProperty(Name = "request", SupportsGet = true)]
    public string? Ticket { get; set; }

    public async Task<IActionResult> OnGetAsync(CancellationToken cancellationToken)
    {
        if (tickets.Read(Ticket) is not { } pending)
        {
            return new ErrorResult(PersonError.Expired);
        }

        Pending = pending;
        if (await clients.FindByClientIdAsync(pending.ClientId, cancellationToken) is not { } client ||
            !ClientApproval.IsAwaited(await clients.GetPropertiesAsync(client, cancellationToken)))
        {
            return Redirect(Paths.Authorize + pending.Asked);
        }

        Response.Headers["Refresh"] = Seconds;
        return Page();
    }
}
