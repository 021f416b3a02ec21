using McpIdentity.Server.Administration;
using McpIdentity.Server.Protocol;
using Microsoft.AspNetCore.Mvc;

namespace McpIdentity.Server.AdminPages;

/// <summary>The keys that access tokens are signed with. Changing them is for owners who have signed in a moment ago.</summary>
[Address(Reader.People, "GET HEAD POST", Bucket = "account", TakesForms = true, HasScript = true)]
internal sealed class KeysModel(KeyActs acts) : ConsolePage
{
    public const string Path = Paths.Console + "/keys";

    /// <summary>What has to be typed to end the other keys.</summary>
    public const string Word = "end all tokens";

    public override string Section => Path;

    protected override AdminRight ToWrite => AdminRight.WriteKeys;

    public IReadOnlyList<KeyView> Keys { get; private set; } = [];

    public IReadOnlyList<PublicKeyView> Published => acts.Published();

    public async Task OnGetAsync(CancellationToken cancellationToken) => Keys = await acts.ListAsync(cancellationToken);

    /// <param name="act"><c>rotate</c>, <c>now</c> or <c>end-others</c>.</param>
    /// <param name="typed">The word that has to be typed for what cannot be undone.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    public async Task<IActionResult> OnPostAsync([FromForm] string? act, [FromForm] string? typed, CancellationToken cancellationToken)
    {
        var rotated = act is not ("rotate" or "now" or "end-others") ? AdminProblem.Invalid(("act", "Choose one of the buttons."))
            : act == "end-others" && typed?.Trim() != Word ? AdminProblem.Invalid(("typed", $"Nothing was done. Type \"{Word}\" to end the other keys and every token that they signed."))
            : await acts.RotateAsync(By, now: act != "rotate", endOthers: act == "end-others", cancellationToken);
        if (rotated.Problem is { } problem)
        {
            await OnGetAsync(cancellationToken);
            return Refused(problem);
        }

        return SeeDone(Path, act == "end-others" ? "A new key takes over in ten seconds. All other keys end then, with every token that they signed." : "A new key was made; the table says from when it signs.");
    }
}
