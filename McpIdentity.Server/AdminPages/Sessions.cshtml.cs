using McpIdentity.Server.Administration;
using McpIdentity.Server.Administration.Api;
using McpIdentity.Server.Protocol;
using Microsoft.AspNetCore.Mvc;

namespace McpIdentity.Server.AdminPages;

/// <summary>Who is signed in, and ending that.</summary>
[Address(Reader.People, "GET HEAD POST", Bucket = "account", TakesForms = true, HasScript = true)]
internal sealed class SessionsModel(SessionActs acts) : ConsolePage
{
    public const string Path = Paths.Console + "/sessions";

    public override string Section => Path;

    protected override AdminRight ToRead => AdminRight.ReadPeople;

    protected override AdminRight ToWrite => AdminRight.EndAccess;

    [BindProperty(Name = "user", SupportsGet = true)]
    public string? Whose { get; set; }

    [BindProperty(Name = "client", SupportsGet = true)]
    public string? Client { get; set; }

    [BindProperty(Name = "after", SupportsGet = true)]
    public string? After { get; set; }

    public AdminPage<SessionView> Sessions { get; private set; } = new([], null);

    public Task<IActionResult> OnGetAsync(CancellationToken cancellationToken) => ListAsync(cancellationToken);

    /// <param name="end">The session that ends.</param>
    /// <param name="all">Whose sessions all end.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    public async Task<IActionResult> OnPostAsync([FromForm] string? end, [FromForm] string? all, CancellationToken cancellationToken)
    {
        if (all is { Length: > 0 })
        {
            var ended = await acts.EndAllOfAsync(By, all, cancellationToken);
            return ended.Problem is { } wrong ? await AgainAsync(wrong, cancellationToken) : SeeDone(Path, $"{ended.Value} sessions of {all} have ended, with the access that came from them.");
        }

        var outcome = await acts.EndAsync(By, end ?? "", cancellationToken);
        return outcome.Problem is { } problem ? await AgainAsync(problem, cancellationToken) : SeeDone(Path, "The session has ended, with the access that came from it.");
    }

    private async Task<IActionResult> AgainAsync(AdminProblem problem, CancellationToken cancellationToken)
    {
        await ListAsync(cancellationToken);
        return Refused(problem);
    }

    private async Task<IActionResult> ListAsync(CancellationToken cancellationToken)
    {
        var listed = await acts.ListAsync(new SessionFilter(Filled(Whose), Filled(Client)), new Slice(PageSize, Filled(After)), cancellationToken);
        Sessions = listed.Value ?? Sessions;
        Problem = listed.Problem;
        return Page();
    }
}
