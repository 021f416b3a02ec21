using System.Globalization;
using System.Text;
using McpIdentity.Server.Administration;
using McpIdentity.Server.Protocol;
using Microsoft.AspNetCore.Mvc;

namespace McpIdentity.Server.AdminPages;

/// <summary>Who may do what at the servers behind this one: what is in force, what a change would do, and whether somebody may.</summary>
[Address(Reader.People, "GET HEAD POST", Bucket = "account", TakesForms = true, HasScript = true)]
internal sealed class PolicyModel(PolicyActs acts, PolicyDiffActs diffs) : ConsolePage
{
    public const string Path = Paths.Console + "/policy";

    private const int MaxShown = 500;

    public override string Section => Path;

    // To try changes nothing. To apply asks for more, below.
    protected override AdminRight ToWrite => AdminRight.Read;

    public bool MayApply => May(AdminRight.WritePolicy);

    public PolicyView InForce { get; private set; } = null!;

    public IReadOnlyList<PolicyVersionView> Versions { get; private set; } = [];

    public PolicyTestView? Answer { get; private set; }

    public PolicyDifferences? Differences { get; private set; }

    public IReadOnlyList<string> Warnings { get; private set; } = [];

    /// <summary>What is proposed.</summary>
    public string Document { get; private set; } = "";

    public async Task<IActionResult> OnGetAsync([FromQuery] string? version, CancellationToken cancellationToken)
    {
        await OpenAsync(cancellationToken);
        if (long.TryParse(version, NumberStyles.None, CultureInfo.InvariantCulture, out var number))
        {
            var found = await acts.FindVersionAsync(number, cancellationToken);
            Document = found.Value?.Document ?? Document;
            return found.Problem is { } problem ? Refused(problem) : Page();
        }

        return Page();
    }

    public async Task<IActionResult> OnPostTestAsync([FromForm] string? user, [FromForm] string? client, [FromForm] string? server, [FromForm] string? tool, CancellationToken cancellationToken)
    {
        await OpenAsync(cancellationToken);
        var answer = await acts.TestAsync(new PolicyQuestion((server ?? "").Trim()) { User = Filled(user), Client = Filled(client), Tool = Filled(tool) }, proposal: null, cancellationToken);
        Answer = answer.Value;
        return answer.Problem is { } problem ? Refused(problem) : Page();
    }

    /// <param name="document">Groups and rules, as JSON.</param>
    /// <param name="note">Why.</param>
    /// <param name="act"><c>diff</c>: says what it would change. <c>apply</c>: puts it in force.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    public async Task<IActionResult> OnPostProposeAsync([FromForm] string? document, [FromForm] string? note, [FromForm] string? act, CancellationToken cancellationToken)
    {
        Document = document ?? "";
        var bytes = Encoding.UTF8.GetBytes(Document);
        await OpenAsync(cancellationToken);
        if (act != "apply")
        {
            var differences = await diffs.DiffAsync(new PolicyProposal(bytes), [], [], [], MaxShown, HttpContext.RequestAborted);
            Differences = differences.Value;
            return differences.Problem is { } wrong ? Refused(wrong) : Page();
        }

        if (!MayApply)
        {
            return Missing();
        }

        var applied = await acts.ApplyAsync(By, bytes, Filled(note), cancellationToken);
        return applied.Problem is { } problem ? Refused(problem) : SeeDone(Path, string.Join(' ', applied.Value.Warnings.Prepend($"Version {applied.Value.Version.Version} is in force.")));
    }

    public async Task<IActionResult> OnPostRollbackAsync([FromForm] long version, CancellationToken cancellationToken)
    {
        if (!MayApply)
        {
            return Missing();
        }

        var applied = await acts.RollbackAsync(By, version, cancellationToken);
        if (applied.Problem is not { } problem)
        {
            return SeeDone(Path, $"Version {version} is in force again, as version {applied.Value.Version.Version}.");
        }

        await OpenAsync(cancellationToken);
        return Refused(problem);
    }

    private async Task OpenAsync(CancellationToken cancellationToken)
    {
        InForce = await acts.ShowAsync(cancellationToken);
        Versions = (await acts.VersionsAsync(new Slice(PageSize, null), cancellationToken)).Items;
        Warnings = (await acts.CheckAsync(proposal: null, cancellationToken)).Value?.Warnings ?? [];
    }
}
