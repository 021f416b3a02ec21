using McpIdentity.Server.Administration;
using McpIdentity.Server.Protocol;
using Microsoft.AspNetCore.Mvc;

namespace McpIdentity.Server.AdminPages;

/// <summary>One client.</summary>
[Address(Reader.People, "GET HEAD POST", Bucket = "account", TakesForms = true, HasScript = true)]
internal sealed class ConsoleClientModel(ClientActs acts, ClientDirectory directory) : ConsolePage
{
    private const string Path = Paths.Console + "/client";

    public override string Section => ClientsModel.Path;

    protected override AdminRight ToRead => AdminRight.ReadPeople;

    [BindProperty(Name = "id", SupportsGet = true)]
    public string? Id { get; set; }

    public ClientView Client { get; private set; } = null!;

    /// <summary>A secret that was made with this request, and is shown once.</summary>
    public string? Secret { get; private set; }

    /// <summary>Whether its name and addresses are said here, and not in the settings or in a document of its own.</summary>
    public bool IsOurs => Client.Kind is ClientView.Created or ClientView.Dynamic;

    public static string AddressOf(string clientId) => $"{Path}?id={Uri.EscapeDataString(clientId)}";

    public async Task<IActionResult> OnGetAsync(CancellationToken cancellationToken) => await OpenAsync(cancellationToken) ? Page() : Missing();

    /// <param name="act"><c>disable</c>, <c>disable-and-end</c>, <c>enable</c> or <c>approve</c>.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    public async Task<IActionResult> OnPostAsync([FromForm] string? act, CancellationToken cancellationToken)
    {
        if (!await OpenAsync(cancellationToken))
        {
            return Missing();
        }

        var (done, says) = act switch
        {
            "disable" => (await acts.DisableAsync(By, Client.ClientId, revoke: false, cancellationToken), "It gets nothing new. Its access tokens are good until they expire."),
            "disable-and-end" => (await acts.DisableAsync(By, Client.ClientId, revoke: true, cancellationToken), "It is disabled, and everything that it held has ended."),
            "enable" => (await acts.EnableAsync(By, Client.ClientId, cancellationToken), "It is enabled."),
            "approve" => (await acts.ApproveAsync(By, Client.ClientId, cancellationToken), "It was let in."),
            _ => (AdminProblem.Invalid(("act", "Choose one of the buttons.")), ""),
        };
        return done.Problem is { } problem ? Refused(problem) : SeeDone(AddressOf(Client.ClientId), says);
    }

    public async Task<IActionResult> OnPostChangeAsync([FromForm] string? name, [FromForm] string? redirects, CancellationToken cancellationToken)
    {
        if (!await OpenAsync(cancellationToken))
        {
            return Missing();
        }

        var changed = await acts.UpdateAsync(By, Client.ClientId, new ClientChange(Filled(name), (redirects ?? "").Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)), cancellationToken);
        return changed.Problem is { } problem ? Refused(problem) : SeeDone(AddressOf(Client.ClientId), "It was changed.");
    }

    /// <param name="hours">How long the old one is good.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    public async Task<IActionResult> OnPostSecretAsync([FromForm] double? hours, CancellationToken cancellationToken)
    {
        if (!await OpenAsync(cancellationToken))
        {
            return Missing();
        }

        if (hours is not (>= 0 and <= 720))
        {
            return Refused(AdminProblem.Invalid(("hours", "It must be 0 to 720.")));
        }

        var rotated = await acts.RotateSecretAsync(By, Client.ClientId, TimeSpan.FromHours(hours.Value), cancellationToken);
        Secret = rotated.Value?.ClientSecret;
        return rotated.Problem is { } problem ? Refused(problem) : Page(); // not elsewhere: it is shown once
    }

    /// <param name="typed">Its client_id or name, typed by who means it.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    public async Task<IActionResult> OnPostDeleteAsync([FromForm] string? typed, CancellationToken cancellationToken)
    {
        if (!await OpenAsync(cancellationToken))
        {
            return Missing();
        }

        var problem = typed?.Trim() is { Length: > 0 } word && (word == Client.Name || word == Client.ClientId)
            ? await acts.DeleteAsync(By, Client.ClientId, cancellationToken)
            : AdminProblem.Invalid(("typed", "Nothing was deleted. Type its name to delete it."));
        return problem is null ? SeeDone(ClientsModel.Path, $"{Client.Name ?? Client.ClientId} was deleted.") : Refused(problem);
    }

    /// <summary>How each client in wide use is told to connect as this one.</summary>
    public async Task<IReadOnlyList<ClientSnippet>> SnippetsAsync()
    {
        var snippets = new List<ClientSnippet>();
        foreach (var known in ClientSnippet.Known)
        {
            if ((await directory.SnippetAsync(Client.ClientId, known, resource: null, HttpContext.RequestAborted)).Value is { } snippet)
            {
                snippets.Add(snippet);
            }
        }

        return snippets;
    }

    private async Task<bool> OpenAsync(CancellationToken cancellationToken)
    {
        if (Filled(Id) is not { } id || (await directory.GetAsync(id, cancellationToken)).Value is not { } client)
        {
            return false;
        }

        Client = client;
        return true;
    }
}
