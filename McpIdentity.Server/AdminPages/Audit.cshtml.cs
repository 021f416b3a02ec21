using System.Globalization;
using McpIdentity.Migrations;
using McpIdentity.Server.Administration;
using McpIdentity.Server.Audit;
using McpIdentity.Server.Protocol;
using Microsoft.AspNetCore.Mvc;
using Microsoft.EntityFrameworkCore;

namespace McpIdentity.Server.AdminPages;

/// <summary>What happened, by whom, and why: searched, exported, proven.</summary>
[Address(Reader.People, "GET HEAD POST", Bucket = "account", TakesForms = true, HasScript = true)]
internal sealed class AuditModel(AuditActs acts, Kept<AuditProof> proof, McpIdentityDbContext db, TimeProvider time) : ListPage
{
    public const string Path = Paths.Console + "/audit";

    /// <summary>What is looked for so often that it is a link. Any other search is an address too, which a browser keeps as a bookmark.</summary>
    public static readonly IReadOnlyList<(string Name, string Address)> Presets =
    [
        ("Refused in the last hour", $"{Path}?result=failure&within=1h"),
        ("Sign-ins that failed today", $"{Path}?event=login_failure&within=24h"),
        ("What operators did", $"{Path}?acts=1"),
        ("Tokens that came twice", $"{Path}?event=code_reuse,refresh_token_reuse"),
        ("Calls that were not allowed", $"{Path}?event=scope_denied,tool_denied,policy_denied&within=24h"),
        ("Clients that came this week", $"{Path}?event=client_registered,client_created&within=7d"),
    ];

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    private static readonly IReadOnlyList<(string Value, string Text)> Spans = [("", "any time"), ("1h", "the last hour"), ("24h", "24 hours"), ("7d", "7 days"), ("30d", "30 days")];

    public override string Section => Path;

    public override string Heading => "Audit";

    public override IReadOnlyList<ListField> Fields =>
    [
        new("user", "Person", Whose) { Placeholder = "E-mail, name or id" },
        new("client", "Client", Client) { Placeholder = "Name or client_id" },
        new("event", "Event", Event) { Placeholder = "token_issued" },
        ListField.Choice("result", "Result", Result, "success", "failure", "warning", "not_enforced"),
        new("id", "Reference, flow or grant", Id),
        new("actor", "Operator", Actor),
        ListField.Choice("within", "Within", Within, Spans),
        new("since", "From (UTC)", Since) { Type = "datetime-local" },
        new("until", "To (UTC)", Until) { Type = "datetime-local" },
        ListField.Box("acts", "Only what operators did", Acts is not null),
    ];

    public override int Count => Entries.Count;

    protected override AdminRight ToRead => AdminRight.ReadAudit;

    // Its form proves, and changes nothing.
    protected override AdminRight ToWrite => AdminRight.ReadAudit;

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

    [BindProperty(Name = "actor", SupportsGet = true)]
    public string? Actor { get; set; }

    /// <summary>So long ago at most, where no moment is said.</summary>
    [BindProperty(Name = "within", SupportsGet = true)]
    public string? Within { get; set; }

    /// <summary>UTC, as a browser's field for moments writes it.</summary>
    [BindProperty(Name = "since", SupportsGet = true)]
    public string? Since { get; set; }

    [BindProperty(Name = "until", SupportsGet = true)]
    public string? Until { get; set; }

    [BindProperty(Name = "acts", SupportsGet = true)]
    public string? Acts { get; set; }

    public IReadOnlyList<AuditRow> Entries { get; private set; } = [];

    /// <summary>What the people among them are called.</summary>
    public IReadOnlyDictionary<string, string> Names { get; private set; } = new Dictionary<string, string>();

    /// <summary>What was proven last.</summary>
    public Kept<AuditProof>.Answer? Proof => proof.Last;

    /// <summary>What there is to say of the proof that is newer, if there is one.</summary>
    public string? ProofToCome => proof.IsRunning ? "It is being proven: load the page again." : proof.HasFailed ? "The last time it could not be proven. The log says why (event 1911)." : null;

    public async Task<IActionResult> OnGetAsync(CancellationToken cancellationToken)
    {
        var page = await acts.ListAsync(Question, new Slice(PageSize, Filled(After)), cancellationToken);
        (Entries, Next) = (page.Items, page.Next);
        var people = Entries.Select(entry => entry.Subject).OfType<string>().Distinct().ToList();
        Names = await db.Users.Where(user => people.Contains(user.Id) && user.Email != null).ToDictionaryAsync(user => user.Id, user => user.Email!, cancellationToken);
        return Page();
    }

    /// <summary>Everything that is found, as a file, row by row.</summary>
    /// <param name="format">A word of <see cref="AuditFormat"/>.</param>
    /// <param name="cancellationToken">Of whoever stops to read it.</param>
    public async Task<IActionResult> OnGetExportAsync([FromQuery] string? format, CancellationToken cancellationToken)
    {
        if (format is not ("ndjson" or "csv" or "ocsf"))
        {
            return Missing();
        }

        // A page of somebody else's does not make a browser read all of it (Fetch Metadata).
        if (Request.Headers["Sec-Fetch-Site"].ToString() is "cross-site" or "same-site")
        {
            return Redirect(Path);
        }

        Response.ContentType = format == "csv" ? "text/csv; charset=utf-8" : "application/x-ndjson";
        Response.Headers.ContentDisposition = FormattableString.Invariant($"attachment; filename=\"audit-{time.GetUtcNow().UtcDateTime:yyyyMMdd-HHmm}.{(format == "csv" ? "csv" : format == "ocsf" ? "ocsf.ndjson" : "ndjson")}\"");
        if (HttpMethods.IsHead(Request.Method))
        {
            return new EmptyResult();
        }

        await acts.ExportAsync(Question, Enum.Parse<AuditFormat>(format, ignoreCase: true), Response.Body, cancellationToken);
        return new EmptyResult();
    }

    /// <summary>Proves that no row was changed, taken out or put in. Where that takes long, a page that is loaded later says what was found.</summary>
    public async Task<IActionResult> OnPostVerifyAsync(CancellationToken cancellationToken)
    {
        await proof.AskAsync(Patience);
        return await OnGetAsync(cancellationToken);
    }

    private AuditQuestion Question => new()
    {
        Events = Event?.Split([',', ' '], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries) ?? [],
        Client = Filled(Client),
        User = Filled(Whose),
        Actor = Filled(Actor),
        Result = Filled(Result),
        Id = Filled(Id),
        OnlyActs = Filled(Acts) is not null,
        Since = Moment(Since) ?? Ago(),
        Until = Moment(Until),
    };

    private DateTimeOffset? Ago() => Within switch
    {
        "1h" => time.GetUtcNow().AddHours(-1),
        "24h" => time.GetUtcNow().AddDays(-1),
        "7d" => time.GetUtcNow().AddDays(-7),
        "30d" => time.GetUtcNow().AddDays(-30),
        _ => null,
    };

    private static DateTimeOffset? Moment(string? text) =>
        DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out var moment) ? moment : null;
}
