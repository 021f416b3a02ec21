using McpIdentity.Server.Administration;
using McpIdentity.Server.Protocol;
using Microsoft.AspNetCore.Mvc;

namespace McpIdentity.Server.AdminPages;

/// <summary>The MCP servers behind this one.</summary>
[Address(Reader.People, "GET HEAD POST", Bucket = "account", TakesForms = true, HasScript = true)]
internal sealed class ConsoleServersModel(ServerActs acts) : ConsolePage
{
    public const string Path = Paths.Console + "/servers";

    public override string Section => Path;

    public IReadOnlyList<ServerView> Servers { get; private set; } = [];

    public async Task OnGetAsync(CancellationToken cancellationToken) => Servers = (await acts.ListAsync(Slice.All, cancellationToken)).Items;

    /// <param name="name">A short name, which is in its address.</param>
    /// <param name="url">Where it is.</param>
    /// <param name="title">What people read.</param>
    /// <param name="auth">What it gets of a call.</param>
    /// <param name="review">Which of its tools wait for a review.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    public async Task<IActionResult> OnPostAsync([FromForm] string? name, [FromForm] string? url, [FromForm] string? title, [FromForm] string? auth, [FromForm] string? review, CancellationToken cancellationToken)
    {
        var saved = await acts.SaveAsync(By, (name ?? "").Trim(), new ServerOrder(Filled(url) ?? "") { DisplayName = Filled(title), Upstream = new UpstreamOrder { Auth = Filled(auth) }, Review = Filled(review) }, replaces: false, cancellationToken);
        if (saved.Problem is { } problem)
        {
            await OnGetAsync(cancellationToken);
            return Refused(problem);
        }

        return SeeDone(ConsoleServerModel.AddressOf(name!.Trim()), saved.Value!.IsOpen ? "It was added." : "It was added. No rule of the policy lets anybody use it yet.");
    }
}
