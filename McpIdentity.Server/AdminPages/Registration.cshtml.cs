using System.Text.Json;
using McpIdentity.Server.Administration;
using McpIdentity.Server.Protocol;
using Microsoft.AspNetCore.Mvc;

namespace McpIdentity.Server.AdminPages;

/// <summary>Who may register clients, by which tokens, and what would become of a registration.</summary>
[Address(Reader.People, "GET HEAD POST", Bucket = "account", TakesForms = true, HasScript = true)]
internal sealed class RegistrationModel(RegistrationActs acts) : ConsolePage
{
    public const string Path = Paths.Console + "/registration";

    public override string Section => Path;

    // To try a registration changes nothing. Tokens ask for more, below.
    protected override AdminRight ToWrite => AdminRight.Read;

    public bool MayChange => May(AdminRight.Write);

    public RegistrationPolicyView Policy { get; private set; } = null!;

    public IReadOnlyList<InitialAccessTokenView> Tokens { get; private set; } = [];

    /// <summary>One that was made with this request, and is shown once.</summary>
    public CreatedInitialAccessToken? Created { get; private set; }

    public RegistrationTrial? Trial { get; private set; }

    /// <summary>What was tried.</summary>
    public string Metadata { get; private set; } = """
        {
          "client_name": "My client",
          "redirect_uris": ["http://localhost:7777/callback"],
          "token_endpoint_auth_method": "none"
        }
        """;

    /// <summary>What the policy in force means, in words.</summary>
    public string InWords => Policy.Policy switch
    {
        "open" => "Any client may register itself, within the limits.",
        "token" => "Only who has an initial access token registers a client.",
        "approval" => "Any client may register itself; nobody signs in through it until an operator has approved it.",
        _ => "No client registers itself: operators make them.",
    };

    public async Task OnGetAsync(CancellationToken cancellationToken) =>
        (Policy, Tokens) = (acts.Policy(), (await acts.ListTokensAsync(Slice.All, cancellationToken)).Items);

    public async Task<IActionResult> OnPostTryAsync([FromForm] string? metadata, [FromForm] string? with, CancellationToken cancellationToken)
    {
        await OnGetAsync(cancellationToken);
        Metadata = metadata ?? "";
        try
        {
            using var document = JsonDocument.Parse(Metadata);
            Trial = await acts.TryAsync(document.RootElement, with == "token", cancellationToken);
            return Page();
        }
        catch (JsonException exception)
        {
            return Refused(AdminProblem.Invalid(("metadata", $"This is not JSON: {exception.Message}")));
        }
    }

    public async Task<IActionResult> OnPostCreateAsync([FromForm] string? name, [FromForm] int? days, [FromForm] int? uses, CancellationToken cancellationToken)
    {
        if (!MayChange)
        {
            return Missing();
        }

        var created = await acts.CreateTokenAsync(By, name ?? "", days is null ? null : TimeSpan.FromDays(Math.Clamp(days.Value, -1, 100_000)), uses, cancellationToken);
        await OnGetAsync(cancellationToken);
        Created = created.Value;
        return created.Problem is { } problem ? Refused(problem) : Page(); // not elsewhere: it is shown once
    }

    public async Task<IActionResult> OnPostRevokeAsync([FromForm] string? name, CancellationToken cancellationToken)
    {
        if (!MayChange)
        {
            return Missing();
        }

        var revoked = await acts.RevokeTokenAsync(By, name ?? "", cancellationToken);
        if (revoked.Problem is not { } problem)
        {
            return SeeDone(Path, $"The token {name} registers nothing any more.");
        }

        await OnGetAsync(cancellationToken);
        return Refused(problem);
    }
}
