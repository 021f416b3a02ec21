using McpIdentity.Server.Administration;
using McpIdentity.Server.Operations;
using McpIdentity.Server.Protocol;

namespace McpIdentity.Server.AdminPages;

/// <summary>Whether this server has what it needs: the checks of the verb <c>doctor</c>.</summary>
[Address(Reader.People, "GET HEAD", Bucket = "account", TakesForms = true, HasScript = true)]
internal sealed class DoctorModel(Kept<IReadOnlyList<CheckResult>> checks) : ConsolePage
{
    public const string Path = Paths.Console + "/doctor";

    public override string Section => Path;

    /// <summary>The worst first.</summary>
    public IReadOnlyList<CheckResult> Results { get; private set; } = [];

    public async Task OnGetAsync(CancellationToken cancellationToken) => Results = [.. (await checks.AskAsync(cancellationToken)).Value.OrderByDescending(result => result.Verdict)];

    /// <summary>How many are of each verdict, in a sentence.</summary>
    public static string Sum(IReadOnlyList<CheckResult> results)
    {
        return $"{Count(Verdict.Fail)} failed, {Count(Verdict.Warn)} warnings, {Count(Verdict.Note)} notes, {Count(Verdict.Pass)} good";

        int Count(Verdict verdict) => results.Count(result => result.Verdict == verdict);
    }
}
