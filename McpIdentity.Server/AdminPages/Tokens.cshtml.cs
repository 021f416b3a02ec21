using McpIdentity.Server.Administration;
using McpIdentity.Server.Protocol;
using Microsoft.AspNetCore.Mvc;

namespace McpIdentity.Server.AdminPages;

/// <summary>Whose a token is that somebody found, and whether it is good. It is neither kept nor logged.</summary>
[Address(Reader.People, "GET HEAD POST", Bucket = "account", TakesForms = true, HasScript = true)]
internal sealed class TokensModel(TokenActs acts) : ConsolePage
{
    public const string Path = Paths.Console + "/tokens";

    public override string Section => Path;

    protected override AdminRight ToRead => AdminRight.ReadPeople;

    // To look is to send a form: a token belongs into no address. To end it asks for more, below.
    protected override AdminRight ToWrite => AdminRight.ReadPeople;

    public bool MayEnd => May(AdminRight.EndAccess);

    public TokenView? Found { get; private set; }

    /// <summary>What was pasted, for the button that ends it.</summary>
    public string Shown { get; private set; } = "";

    /// <param name="token">What was pasted.</param>
    /// <param name="act"><c>end</c>: it ends.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    public async Task<IActionResult> OnPostAsync([FromForm] string? token, [FromForm] string? act, CancellationToken cancellationToken)
    {
        Shown = token ?? "";
        var ends = act == "end";
        var found = ends && !MayEnd ? new AdminProblem("forbidden", StatusCodes.Status403Forbidden, "Your role does not end access.")
            : ends ? await acts.RevokeAsync(By, Shown, cancellationToken)
            : await acts.LookUpAsync(Shown, cancellationToken);
        Found = found.Value;
        return found.Problem is { } problem ? Refused(problem) : ends ? SeeDone(Path, "It has ended.") : Page();
    }
}
