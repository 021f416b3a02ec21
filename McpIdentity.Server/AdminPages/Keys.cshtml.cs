using System.Text.Json;
using McpIdentity.Server.Administration;
using McpIdentity.Server.Administration.Api;
using McpIdentity.Server.Protocol;
using Microsoft.AspNetCore.DataProtection.KeyManagement;
using Microsoft.AspNetCore.Mvc;

namespace McpIdentity.Server.AdminPages;

/// <summary>The keys that access tokens are signed with. Changing them is for owners who have signed in a moment ago.</summary>
[Address(Reader.People, "GET HEAD POST", Bucket = "account", TakesForms = true, HasScript = true)]
internal sealed class KeysModel(KeyActs acts, IKeyManager cookies, TimeProvider time) : ConsolePage
{
    public const string Path = Paths.Console + "/keys";

    /// <summary>What has to be typed to end the other keys.</summary>
    public const string Word = "end all tokens";

    public override string Section => Path;

    protected override AdminRight ToWrite => AdminRight.WriteKeys;

    protected override string ByCommandLine => "mcpidentity keys rotate";

    public IReadOnlyList<KeyView> Keys { get; private set; } = [];

    /// <summary>The key set, as clients and MCP servers read it (RFC 7517 §5).</summary>
    public string Published => JsonSerializer.Serialize(new KeySetView(acts.Published()), Indented);

    /// <summary>The keys of cookies, forms and pending requests (DataProtection), the newest first.</summary>
    public IReadOnlyList<(Guid Id, string State, DateTimeOffset From, DateTimeOffset To)> OfCookies =>
        [.. cookies.GetAllKeys().OrderByDescending(key => key.ActivationDate).Select(key => (key.KeyId, StateOf(key), key.ActivationDate, key.ExpirationDate))];

    private static readonly JsonSerializerOptions Indented = new(AdminJson.Default.Options) { WriteIndented = true };

    private string StateOf(IKey key)
    {
        var now = time.GetUtcNow();
        return key.IsRevoked ? "revoked" : now < key.ActivationDate ? "next" : now < key.ExpirationDate ? "protects" : "reads what it protected";
    }

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
