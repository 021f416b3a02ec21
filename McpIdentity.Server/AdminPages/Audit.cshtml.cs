using System.Globalization;
using McpIdentity.Migrations;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Administration;
using McpIdentity.Server.Audit;
using McpIdentity.Server.Protocol;
using Microsoft.AspNetCore.Mvc;

namespace McpIdentity.Server.AdminPages;

/// <summary>What happened, by whom, and why: searched and exported.</summary>
[Address(Reader.People, "GET HEAD", Bucket = "account", TakesForms = true, HasScript = true)]
internal sealed class AuditModel(AuditSearch search, McpIdentityDbContext db) : ListPage
{
    public const string Path = Paths.Console + "/audit";

    public override string Section => Path;

    protected override AdminRight ToRead => AdminRight.ReadAudit;

    [BindProperty(Name = "event", SupportsGet = true)]
    public string? Event { get; set; }

    [BindProperty(Name = "user", SupportsGet = true)]
    public string? Whose { get; set; }

    [BindProperty(Name = "client", SupportsGet = true)]
    public string? Client { get; set; }

    [BindProperty(Name = "result", SupportsGet = true)]
    public string? Result { get; set; }

    [BindProperty(Name = "id", SupportsGet = true)]
    public string? Id { get; set; }

    /// <summary>UTC, as a browser's field for moments writes it.</summary>
    [BindProperty(Name = "since", SupportsGet = true)]
    public string? Since { get; set; }

    [BindProperty(Name = "until", SupportsGet = true)]
    public string? Until { get; set; }

    [BindProperty(Name = "acts", SupportsGet = true)]
    public string? Acts { get; set; }

    public IReadOnlyList<AuditEntry> Entries { get; private set; } = [];

    public async Task<IActionResult> OnGetAsync(CancellationToken cancellationToken)
    {
        var before = long.TryParse(After, NumberStyles.None, CultureInfo.InvariantCulture, out var id) ? id : (long?)null;
        var read = await search.PageAsync(await FilterAsync(cancellationToken), PageSize + 1, before, cancellationToken);
        (Entries, Next) = read.Count > PageSize ? (read[..PageSize], read[PageSize - 1].Id.ToString(CultureInfo.InvariantCulture)) : (read, null);
        return Page();
    }

    private async Task<AuditFilter> FilterAsync(CancellationToken cancellationToken) => new()
    {
        Events = Filled(Event) is { } name ? [name] : [],
        Clients = Filled(Client) is { } client ? await ClientsAsync(client, cancellationToken) : [],
        Subjects = Filled(Whose) is { } person ? await PeopleAsync(person, cancellationToken) : [],
        Result = Filled(Result),
        Id = Filled(Id),
        OnlyActs = Filled(Acts) is not null,
        Since = Moment(Since),
        Until = Moment(Until),
    };

    // Who is gone has rows all the same, by identifier.
    private async Task<IReadOnlyList<string>> PeopleAsync(string wanted, CancellationToken cancellationToken) =>
        await OperatorNames.UsersAsync(db, wanted, cancellationToken) is { Count: > 0 } found ? [.. found.Select(user => user.Id)] : [wanted];

    private async Task<IReadOnlyList<string>> ClientsAsync(string wanted, CancellationToken cancellationToken) =>
        await OperatorNames.ClientsAsync(db, wanted, cancellationToken) is { Count: > 0 } found ? [.. found.Select(client => client.ClientId!)] : [wanted];

    private static DateTimeOffset? Moment(string? text) =>
        DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out var moment) ? moment : null;
}
