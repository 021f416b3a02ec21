using McpIdentity.Server.Administration;
using McpIdentity.Server.Protocol;
using Microsoft.AspNetCore.Mvc;

namespace McpIdentity.Server.AdminPages;

/// <summary>The clients: found, made, and those that nobody uses forgotten.</summary>
[Address(Reader.People, "GET HEAD POST", Bucket = "account", TakesForms = true, HasScript = true)]
internal sealed class ClientsModel(ClientActs acts, ClientDirectory directory, TimeProvider time) : ListPage
{
    public const string Path = Paths.Console + "/clients";

    private const string Sort = "last_used";

    public override string Section => Path;

    public override string Heading => "Clients";

    public override IReadOnlyList<ListField> Fields =>
    [
        new("text", "Name, client_id or redirect URI", Text),
        ListField.Choice("kind", "Kind", Kind, ClientView.Configured, ClientView.Created, ClientView.Document, ClientView.Dynamic),
        ListField.Choice("status", "Status", Status, "enabled", "disabled", "waiting"),
        ListField.Choice("used", "Used", Used, [("", "any time or never"), ("never", "never"), ("30d", "not for 30 days")]),
    ];

    public override int Count => Clients.Count;

    protected override AdminRight ToRead => AdminRight.ReadPeople;

    [BindProperty(Name = "text", SupportsGet = true)]
    public string? Text { get; set; }

    [BindProperty(Name = "kind", SupportsGet = true)]
    public string? Kind { get; set; }

    [BindProperty(Name = "status", SupportsGet = true)]
    public string? Status { get; set; }

    [BindProperty(Name = "used", SupportsGet = true)]
    public string? Used { get; set; }

    public IReadOnlyList<ClientView> Clients { get; private set; } = [];

    /// <summary>One that was made with this request; its secret is shown once.</summary>
    public ClientWithSecret? Created { get; private set; }

    public async Task OnGetAsync(CancellationToken cancellationToken)
    {
        var filter = new ClientFilter
        {
            Text = Filled(Text),
            Kind = Filled(Kind),
            Status = Filled(Status),
            NeverUsed = Used == "never" ? true : null,
            UnusedSince = Used == "30d" ? time.GetUtcNow().AddDays(-30) : null,
        };
        var read = await directory.ListAsync(filter, Sort, Filled(After), PageSize + 1, cancellationToken);
        Clients = [.. read.Take(PageSize)];
        Next = read.Count > PageSize ? ClientDirectory.KeyOf(read[PageSize - 1], Sort) : null;
    }

    public async Task<IActionResult> OnPostCreateAsync([FromForm] string? what, [FromForm] string? name, [FromForm] string? redirects, CancellationToken cancellationToken)
    {
        var lines = (redirects ?? "").Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
        var created = await acts.CreateAsync(By, new NewClient(what == NewClient.Service ? NewClient.Service : NewClient.App, Filled(name), RedirectUris: lines.Length > 0 ? lines : null), cancellationToken);
        await OnGetAsync(cancellationToken);
        Created = created.Value;
        return created.Problem is { } problem ? Refused(problem) : Page(); // not elsewhere: a secret is shown once
    }

    /// <param name="days">Those that got no token for so many days.</param>
    /// <param name="act"><c>count</c> or <c>prune</c>.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    public async Task<IActionResult> OnPostPruneAsync([FromForm] int? days, [FromForm] string? act, CancellationToken cancellationToken)
    {
        if (days is not (>= 1 and <= 3650))
        {
            await OnGetAsync(cancellationToken);
            return Refused(AdminProblem.Invalid(("days", "It must be 1 to 3650.")));
        }

        var pruned = await acts.PruneUnusedAsync(By, time.GetUtcNow().AddDays(-days.Value), dryRun: act != "prune", cancellationToken);
        return SeeDone(Path, pruned.DryRun ? $"{pruned.Count} clients that registered themselves got no token for {days} days." : $"{pruned.Count} clients were forgotten.");
    }
}
