using McpIdentity.Server.Administration;
using McpIdentity.Server.Protocol;
using Microsoft.AspNetCore.Mvc;

namespace McpIdentity.Server.AdminPages;

/// <summary>One MCP server behind this one: what it is, its tools, whether it answers.</summary>
[Address(Reader.People, "GET HEAD POST", Bucket = "account", TakesForms = true, HasScript = true)]
internal sealed class ConsoleServerModel(ServerActs acts, ToolActs tools, PolicyActs policy) : ConsolePage
{
    private const string Path = Paths.Console + "/server";

    public override string Section => ConsoleServersModel.Path;

    [BindProperty(Name = "name", SupportsGet = true)]
    public string? Name { get; set; }

    public ServerDetails Server { get; private set; } = null!;

    public IReadOnlyList<ToolView> Tools { get; private set; } = [];

    /// <summary>Those that wait, with what has changed.</summary>
    public IReadOnlyList<ToolChangeView> Waiting { get; private set; } = [];

    public ServerTest? Test { get; private set; }

    public bool IsStored => Server.From == "stored";

    /// <summary>The rules that say who may use it.</summary>
    public IReadOnlyList<PolicyLine> Rules => policy.RulesAt(Server.Name);

    private string Address => AddressOf(Server.Name);

    public static string AddressOf(string name) => $"{Path}?name={Uri.EscapeDataString(name)}";

    public async Task<IActionResult> OnGetAsync(CancellationToken cancellationToken) => await OpenAsync(cancellationToken) ? Page() : Missing();

    public async Task<IActionResult> OnPostTestAsync([FromForm] string? user, CancellationToken cancellationToken)
    {
        if (!await OpenAsync(cancellationToken))
        {
            return Missing();
        }

        var test = await acts.TestAsync(By, Server.Name, Filled(user), cancellationToken);
        Test = test.Value;
        return test.Problem is { } problem ? Refused(problem) : Page();
    }

    /// <param name="allow">The tool that may be used, as it is in the version that was shown.</param>
    /// <param name="version">That version.</param>
    /// <param name="block">The tool that nobody may use.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    public async Task<IActionResult> OnPostToolAsync([FromForm] string? allow, [FromForm] string? version, [FromForm] string? block, CancellationToken cancellationToken)
    {
        if (!await OpenAsync(cancellationToken))
        {
            return Missing();
        }

        var decided = block is { Length: > 0 }
            ? await tools.BlockAsync(By, Server.Name, [new ToolChoice(block)], cancellationToken)
            : await tools.AllowAsync(By, Server.Name, [new ToolChoice(allow ?? "", Filled(version))], all: false, cancellationToken);
        return decided.Problem is { } problem ? Refused(problem)
            : decided.Value!.ChangedMeanwhile.Count > 0 ? SeeDone(Address, "It changed in this moment: look at it again.")
            : SeeDone(Address, block is { Length: > 0 } ? $"Nobody may use {block} now." : $"{allow} may be used as it is now.");
    }

    /// <param name="typed">Its name, typed by who means it.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    public async Task<IActionResult> OnPostRemoveAsync([FromForm] string? typed, CancellationToken cancellationToken)
    {
        if (!await OpenAsync(cancellationToken))
        {
            return Missing();
        }

        if (typed?.Trim() != Server.Name)
        {
            return Refused(AdminProblem.Invalid(("typed", $"Nothing was removed. Type {Server.Name} to remove it.")));
        }

        var removed = await acts.RemoveAsync(By, Server.Name, cancellationToken);
        return removed.Problem is { } problem ? Refused(problem) : SeeDone(ConsoleServersModel.Path, $"{Server.Name} was removed.");
    }

    private async Task<bool> OpenAsync(CancellationToken cancellationToken)
    {
        if (Filled(Name) is not { } name || (await acts.FindAsync(name, cancellationToken)).Value is not { } server)
        {
            return false;
        }

        Server = server;
        Tools = (await tools.ListAsync(server.Name, state: null, Slice.All, cancellationToken)).Value?.Items ?? [];
        Waiting = (await tools.ReviewAsync(server.Name, Slice.All, cancellationToken)).Value?.Items ?? [];
        return true;
    }
}
