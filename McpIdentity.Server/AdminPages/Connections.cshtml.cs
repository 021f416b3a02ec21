using McpIdentity.Server.Administration;
using McpIdentity.Server.Protocol;
using Microsoft.AspNetCore.Mvc;

namespace McpIdentity.Server.AdminPages;

/// <summary>People's own accounts at the servers behind this one, and ending them.</summary>
[Address(Reader.People, "GET HEAD POST", Bucket = "account", TakesForms = true, HasScript = true)]
internal sealed class ConsoleConnectionsModel(ConnectionActs acts) : ListPage
{
    public const string Path = Paths.Console + "/connections";

    public override string Section => Path;

    public override string Heading => "Connected accounts";

    public override string About => "People's own accounts at MCP servers behind this one. Whoever's account is ended is asked to connect it again; at that server itself they may have to take the access away too.";

    public override IReadOnlyList<ListField> Fields => [new("user", "Person", Whose) { Placeholder = "E-mail, name or id" }, new("server", "MCP server", At) { Placeholder = "Its short name" }];

    public override int Count => Connections.Count;

    protected override AdminRight ToRead => AdminRight.ReadPeople;

    protected override AdminRight ToWrite => AdminRight.EndAccess;

    [BindProperty(Name = "user", SupportsGet = true)]
    public string? Whose { get; set; }

    [BindProperty(Name = "server", SupportsGet = true)]
    public string? At { get; set; }

    public IReadOnlyList<ConnectionView> Connections { get; private set; } = [];

    public async Task<IActionResult> OnGetAsync(CancellationToken cancellationToken)
    {
        var listed = await acts.ListAsync(Filled(Whose), Filled(At), new Slice(PageSize, Filled(After)), cancellationToken);
        (Connections, Next, Problem) = (listed.Value?.Items ?? [], listed.Value?.Next, Problem ?? listed.Problem);
        return Page();
    }

    /// <param name="end">Whose account ends.</param>
    /// <param name="where">At which server.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    public async Task<IActionResult> OnPostAsync([FromForm] string? end, [FromForm] string? where, CancellationToken cancellationToken)
    {
        var ended = await acts.RemoveAsync(By, end ?? "", where ?? "", cancellationToken);
        if (ended.Problem is { } problem)
        {
            Refused(problem);
            return await OnGetAsync(cancellationToken);
        }

        return SeeDone(Here, $"The account of {ended.Value!.Email ?? ended.Value.UserId} at {ended.Value.Server} is not connected any more.");
    }
}
