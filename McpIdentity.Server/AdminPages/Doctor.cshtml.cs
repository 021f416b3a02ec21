using McpIdentity.Server.Doctor;
using McpIdentity.Server.Operations;
using McpIdentity.Server.Protocol;

namespace McpIdentity.Server.AdminPages;

/// <summary>Whether this server has what it needs: the checks of the verb <c>doctor</c>.</summary>
[Address(Reader.People, "GET HEAD", Bucket = "account", TakesForms = true, HasScript = true)]
internal sealed class DoctorModel(IServiceProvider services) : ConsolePage
{
    public const string Path = Paths.Console + "/doctor";

    public override string Section => Path;

    /// <summary>The worst first.</summary>
    public IReadOnlyList<CheckResult> Results { get; private set; } = [];

    public async Task OnGetAsync(CancellationToken cancellationToken) =>
        Results = [.. (await OwnChecks.RunAsync(services, wanted: null, cancellationToken)).OrderByDescending(result => result.Verdict)];

    /// <summary>How many are so.</summary>
    public int Count(Verdict verdict) => Results.Count(result => result.Verdict == verdict);
}
