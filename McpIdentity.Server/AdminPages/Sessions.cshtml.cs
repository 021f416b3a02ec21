using McpIdentity.Server.Administration;
using McpIdentity.Server.Protocol;
using Microsoft.AspNetCore.Mvc;

namespace McpIdentity.Server.AdminPages;

/// <summary>Who is signed in, and ending that.</summary>
[Address(Reader.People, "GET HEAD POST", Bucket = "account", TakesForms = true, HasScript = true)]
internal sealed class SessionsModel(SessionActs acts) : ListPage
{
    public const string Path = Paths.Console + "/sessions";

    public override string Section => Path;

    public override string Heading => "Sessions";

    public override string About => "A sign-in session is one person in one browser. Ending it signs them out there, and disconnects the apps that they connected from it.";

    public override IReadOnlyList<ListField> Fields => [new("user", "Person", Whose) { Placeholder = "E-mail, name or id" }, new("client", "Client", Client) { Placeholder = "Name or client_id" }];

    public override int Count => Sessions.Count;

    protected override AdminRight ToRead => AdminRight.ReadPeople;

    protected override AdminRight ToWrite => AdminRight.EndAccess;

    [BindProperty(Name = "user", SupportsGet = true)]
    public string? Whose { get; set; }

    [BindProperty(Name = "client", SupportsGet = true)]
    public string? Client { get; set; }

    public IReadOnlyList<SessionView> Sessions { get; private set; } = [];

    public Task<IActionResult> OnGetAsync(CancellationToken cancellationToken) => ListAsync(cancellationToken);

    /// <param name="end">The session that ends.</param>
    /// <param name="all">Whose sessions all end.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    public async Task<IActionResult> OnPostAsync([FromForm] string? end, [FromForm] string? all, CancellationToken cancellationToken)
    {
        if (all is { Length: > 0 })
        {
            var ended = await acts.EndAllOfAsync(By, all, cancellationToken);
            return ended.Problem is { } wrong ? await AgainAsync(wrong, cancellationToken) : SeeDone(Here, $"{ended.Value} sessions of {all} have ended, with the access that came from them.");
        }

        var outcome = await acts.EndAsync(By, end ?? "", cancellationToken);
        return outcome.Problem is { } problem ? await AgainAsync(problem, cancellationToken) : SeeDone(Here, "The session has ended, with the access that came from it.");
    }

    private async Task<IActionResult> AgainAsync(AdminProblem problem, CancellationToken cancellationToken)
    {
        await ListAsync(cancellationToken);
        return Refused(problem);
    }

    private async Task<IActionResult> ListAsync(CancellationToken cancellationToken)
    {
        var listed = await acts.ListAsync(new SessionFilter(Filled(Whose), Filled(Client)), new Slice(PageSize, Filled(After)), cancellationToken);
        (Sessions, Next, Problem) = (listed.Value?.Items ?? [], listed.Value?.Next, listed.Problem);
        return Page();
    }
}
