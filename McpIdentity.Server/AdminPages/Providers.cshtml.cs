using McpIdentity.Server.Administration;
using McpIdentity.Server.Protocol;
using Microsoft.AspNetCore.Mvc;

namespace McpIdentity.Server.AdminPages;

/// <summary>Where people sign in, and who is let in.</summary>
[Address(Reader.People, "GET HEAD POST", Bucket = "account", TakesForms = true, HasScript = true)]
internal sealed class ProvidersModel(AdmissionActs acts) : ConsolePage
{
    public const string Path = Paths.Console + "/providers";

    public override string Section => Path;

    // To try an address changes nothing.
    protected override AdminRight ToWrite => AdminRight.Read;

    public SignInRules Rules => acts.Rules();

    public IReadOnlyList<SignInVerdict>? Verdicts { get; private set; }

    public async Task<IActionResult> OnPostAsync([FromForm] string? email, [FromForm] string? unverified, CancellationToken cancellationToken)
    {
        var verdicts = await acts.TryAsync(new SignInTrial(Filled(email), Verified: unverified is null), cancellationToken);
        Verdicts = verdicts.Value;
        return verdicts.Problem is { } problem ? Refused(problem) : Page();
    }
}
