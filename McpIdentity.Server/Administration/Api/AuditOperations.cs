using System.ComponentModel.DataAnnotations;
using McpIdentity.Server.Audit;
using McpIdentity.Server.Doctor;
using McpIdentity.Server.Operations;

namespace McpIdentity.Server.Administration.Api;

/// <summary>One answer of the doctor.</summary>
/// <param name="Id">Which check (docs/doctor.md).</param>
/// <param name="Subject">Which of several it is about: the name of a provider, of a server.</param>
/// <param name="Verdict">How it is.</param>
/// <param name="Says">What was found.</param>
/// <param name="Cure">What to do.</param>
/// <param name="Section">The clause that wants it so, or the heading of the documentation.</param>
internal sealed record DoctorAnswer(string Id, string? Subject, [property: AllowedValues("PASS", "NOTE", "WARN", "FAIL")] string Verdict, string Says, string? Cure, string Section);

/// <summary>What the doctor found of this server.</summary>
/// <param name="Answers">In the order of docs/doctor.md.</param>
internal sealed record DoctorView(IReadOnlyList<DoctorAnswer> Answers);

/// <summary>What happened, whether that is all of it, why somebody cannot connect, and whether this server has what it needs.</summary>
internal static class AuditOperations
{
    private const string Ndjson = "application/x-ndjson";

    // One for each server that ever wrote; the address of a request has 8 KB.
    private const int MaxHeads = 7000;

    private static readonly AdminParameter[] Filters =
    [
        AdminParameter.Moment("since", "From this moment on."),
        AdminParameter.Moment("until", "Before this moment."),
        AdminParameter.Text("event", "One of these events, separated by commas."),
        AdminParameter.OneOf("result", "How it ended.", "success", "failure", "warning", "not_enforced"),
        AdminParameter.Text("actor", "The operator who did it, as the audit names them."),
        AdminParameter.Flag("only_acts", "What operators did, and nothing else."),
        AdminParameter.Text("client_id", "A client, by client_id or name."),
        AdminParameter.Text("user", "A person, by identifier, e-mail address or name."),
        AdminParameter.Text("resource", "At this MCP server, by its URL."),
        AdminParameter.Text("tool", "Of this tool."),
        AdminParameter.Text("address", "From this address."),
        AdminParameter.Text("id", "Of a flow, a request (the reference of a page) or a grant."),
        AdminParameter.Text("text", "A part of the line, in upper and lower case as it is. Reads each line that the other filters leave: name a time too."),
    ];

    public static void Add(AdminApi api)
    {
        api.List<AuditRow>("/audit", "list_audit", AdminRight.ReadAudit, "Finds rows of the audit, the newest first.", async call => await call.Get<AuditActs>().ListAsync(QuestionOf(call), call.Slice, call.Cancelled), Filters);
        api.Download(
            "/audit/export", "export_audit", AdminRight.ReadAudit, "Writes rows of the audit, the oldest first: all, or those that are looked for.", [Ndjson, "text/csv"],
            call =>
            {
                var format = Enum.Parse<AuditFormat>(call.Text("format") ?? "ndjson", ignoreCase: true);
                var isCsv = format == AuditFormat.Csv;
                return new(isCsv ? "text/csv" : Ndjson, isCsv ? "audit.csv" : "audit.ndjson", (to, cancellationToken) => call.Get<AuditActs>().ExportAsync(QuestionOf(call), format, to, cancellationToken));
            },
            [AdminParameter.OneOf("format", "ndjson (where it is absent): the lines of the security log. csv: RFC 4180. ocsf: events of the Open Cybersecurity Schema Framework, one a line.", "ndjson", "csv", "ocsf"), .. Filters]);
        api.Get<AuditProof>(
            "/audit/verify", "verify_audit", AdminRight.ReadAudit, "Proves that no row was changed, taken out or put in since it was written. It reads all of them, for one caller after the other.",
            call => call.Get<AuditActs>().VerifyAsync(call.Texts("expect"), call.Cancelled),
            AdminParameter.Text("expect", "Heads that were noted before, NODE:SEQUENCE:HASH, separated by commas: what was cut off after them is found.") with { MaxLength = MaxHeads });
        api.Get<TraceView>(
            "/trace", "trace", AdminRight.ReadPeople, "Says why somebody cannot connect: what happened on the way, what is wrong, and what to do.", TraceAsync,
            AdminParameter.Text("of", "A person (identifier, e-mail address or name), a client (client_id, name or host), a flow, a grant, or the reference of a page.") with { IsRequired = true },
            AdminParameter.Flag("all", "Every way that is known; otherwise the last that failed, else the last."));
        api.Get<DoctorView>(
            "/doctor", "get_doctor", AdminRight.Read, "Looks at this server: its settings, and what they need. It asks databases, providers and servers, and takes some seconds.", DiagnoseAsync,
            AdminParameter.Text("check", "One check by its id, or an area: database.migrations, database."));
    }

    private static AuditQuestion QuestionOf(AdminCall call) => new()
    {
        Since = call.Moment("since"),
        Until = call.Moment("until"),
        Events = call.Texts("event"),
        Result = call.Text("result"),
        Actor = call.Text("actor"),
        OnlyActs = call.Flag("only_acts") == true,
        Client = call.Text("client_id"),
        User = call.Text("user"),
        Resource = call.Text("resource"),
        Tool = call.Text("tool"),
        Address = call.Text("address"),
        Id = call.Text("id"),
        Text = call.Text("text"),
    };

    private static async Task<Outcome<TraceView>> TraceAsync(AdminCall call)
    {
        var (trace, problem) = await call.Get<TraceActs>().FindAsync(call.Text("of")!, call.Cancelled);
        return problem is null ? TraceView.Of(trace!, call.Flag("all") == true) : problem;
    }

    private static async Task<Outcome<DoctorView>> DiagnoseAsync(AdminCall call)
    {
        var check = call.Text("check");
        // Whoever asks often, and however many do, makes it ask the servers of others every ten seconds.
        return OwnChecks.IsWanted(OwnChecks.OfThisServer, check)
            ? new DoctorView([.. (await call.Get<Kept<IReadOnlyList<CheckResult>>>().AskAsync(call.Cancelled)).Value.Where(result => OwnChecks.IsWanted([result.Check], check)).Select(AnswerOf)])
            : AdminProblem.NotFound("check", check!);
    }

    private static DoctorAnswer AnswerOf(CheckResult result) => new(result.Id, result.Subject, result.Verdict.Word(), result.Says, result.Cure, result.Check.Section);
}
