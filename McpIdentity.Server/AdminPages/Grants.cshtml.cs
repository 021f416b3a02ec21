using McpIdentity.Server.Administration;
using McpIdentity.Server.Protocol;
using Microsoft.AspNetCore.Mvc;

namespace McpIdentity.Server.AdminPages;

/// <summary>What people have granted to clients, and ending that.</summary>
[Address(Reader.People, "GET HEAD POST", Bucket = "account", TakesForms = true, HasScript = true)]
internal sealed class GrantsModel(GrantActs acts) : ListPage
{
    public const string Path = Paths.Console + "/grants";

    public override string Section => Path;

    public override string Heading => "Grants";

    public override string About => "What people have allowed apps to do. Ending a grant ends its access and refresh tokens at once; the app asks again.";

    public override IReadOnlyList<ListField> Fields =>
    [
        new("user", "Person", Whose) { Placeholder = "E-mail, name or id" },
        new("client", "Client", Client) { Placeholder = "Name or client_id" },
        new("resource", "MCP server", At) { Placeholder = "https://…/mcp" },
    ];

    public override int Count => Grants.Count;

    protected override AdminRight ToRead => AdminRight.ReadPeople;

    protected override AdminRight ToWrite => AdminRight.EndAccess;

    [BindProperty(Name = "user", SupportsGet = true)]
    public string? Whose { get; set; }

    [BindProperty(Name = "client", SupportsGet = true)]
    public string? Client { get; set; }

    [BindProperty(Name = "resource", SupportsGet = true)]
    public string? At { get; set; }

    public IReadOnlyList<GrantView> Grants { get; private set; } = [];

    /// <summary>Which are listed.</summary>
    public GrantFilter Filter => new(Filled(Whose), Filled(Client), Filled(At));

    public Task<IActionResult> OnGetAsync(CancellationToken cancellationToken) => ListAsync(cancellationToken);

    /// <param name="end">The grant that ends; absent: all that the filters choose.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    public async Task<IActionResult> OnPostAsync([FromForm] string? end, CancellationToken cancellationToken)
    {
        if (end is { Length: > 0 })
        {
            var outcome = await acts.RevokeAsync(By, end, cancellationToken);
            return outcome.Problem is { } problem ? await AgainAsync(problem, cancellationToken) : SeeDone(Here, "The grant has ended, with every token of it.");
        }

        var ended = await acts.RevokeAllAsync(By, Filter, cancellationToken);
        return ended.Problem is { } wrong ? await AgainAsync(wrong, cancellationToken) : SeeDone(Here, $"{ended.Value} grants have ended, with every token of them.");
    }

    private async Task<IActionResult> AgainAsync(AdminProblem problem, CancellationToken cancellationToken)
    {
        await ListAsync(cancellationToken);
        return Refused(problem);
    }

    private async Task<IActionResult> ListAsync(CancellationToken cancellationToken)
    {
        var listed = await acts.ListAsync(Filter, new Slice(PageSize, Filled(After)), cancellationToken);
        (Grants, Next, Problem) = (listed.Value?.Items ?? [], listed.Value?.Next, listed.Problem);
        return Page();
    }
}
