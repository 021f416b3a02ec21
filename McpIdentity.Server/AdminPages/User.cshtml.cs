using McpIdentity.Server.Administration;
using McpIdentity.Server.Protocol;
using Microsoft.AspNetCore.Mvc;

namespace McpIdentity.Server.AdminPages;

/// <summary>One person.</summary>
[Address(Reader.People, "GET HEAD POST", Bucket = "account", TakesForms = true, HasScript = true)]
internal sealed class ConsoleUserModel(UserActs acts, UserDirectory directory) : ConsolePage
{
    private const string Path = Paths.Console + "/user";

    public override string Section => UsersModel.Path;

    protected override AdminRight ToRead => AdminRight.ReadPeople;

    [BindProperty(Name = "id", SupportsGet = true)]
    public string? Id { get; set; }

    public UserDetails Details { get; private set; } = null!;

    /// <summary>What is typed to remove them: what they are called here.</summary>
    public string Word => Details.User.Email ?? Details.User.UserId;

    public static string AddressOf(string userId) => $"{Path}?id={Uri.EscapeDataString(userId)}";

    public async Task<IActionResult> OnGetAsync(CancellationToken cancellationToken) => await OpenAsync(cancellationToken) ? Page() : Missing();

    /// <param name="act"><c>disable</c> or <c>enable</c>.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    public async Task<IActionResult> OnPostAsync([FromForm] string? act, CancellationToken cancellationToken)
    {
        if (!await OpenAsync(cancellationToken))
        {
            return Missing();
        }

        var done = act switch
        {
            "disable" => await acts.DisableAsync(By, Details.User.UserId, cancellationToken),
            "enable" => await acts.EnableAsync(By, Details.User.UserId, cancellationToken),
            _ => AdminProblem.Invalid(("act", "Choose one of the buttons.")),
        };
        return done.Problem is { } problem ? Refused(problem) : SeeDone(AddressOf(Details.User.UserId), act == "disable" ? "They may not sign in any more, and everything of theirs has ended." : "They may sign in again.");
    }

    /// <param name="typed">Their address, typed by who means it.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    public async Task<IActionResult> OnPostRemoveAsync([FromForm] string? typed, CancellationToken cancellationToken)
    {
        if (!await OpenAsync(cancellationToken))
        {
            return Missing();
        }

        var problem = string.Equals(typed?.Trim(), Word, StringComparison.OrdinalIgnoreCase)
            ? await acts.RemoveAsync(By, Details.User.UserId, cancellationToken)
            : AdminProblem.Invalid(("typed", $"Nothing was removed. Type {Word} to remove them."));
        return problem is null ? SeeDone(UsersModel.Path, $"{Word} was removed.") : Refused(problem);
    }

    private async Task<bool> OpenAsync(CancellationToken cancellationToken)
    {
        if (Filled(Id) is not { } id || (await directory.GetAsync(id, cancellationToken)).Value is not { } details)
        {
            return false;
        }

        Details = details;
        return true;
    }
}
