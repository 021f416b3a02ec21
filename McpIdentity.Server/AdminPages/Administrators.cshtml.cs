using McpIdentity.Server.Administration;
using McpIdentity.Server.Protocol;
using McpIdentity.Server.Roles;
using Microsoft.AspNetCore.Mvc;

namespace McpIdentity.Server.AdminPages;

/// <summary>Who administers this server. Changing it is for owners who have signed in a moment ago.</summary>
[Address(Reader.People, "GET HEAD POST", Bucket = "account", TakesForms = true, HasScript = true)]
internal sealed class AdministratorsModel(RoleActs acts, UserDirectory people) : ConsolePage
{
    public const string Path = Paths.Console + "/administrators";

    public override string Section => Path;

    protected override AdminRight ToWrite => AdminRight.WriteRoles;

    protected override string ByCommandLine => "mcpidentity admin grant";

    public IReadOnlyList<RoleHolder> Holders { get; private set; } = [];

    public async Task OnGetAsync(CancellationToken cancellationToken) => Holders = await acts.ListAsync(cancellationToken);

    public async Task<IActionResult> OnPostGrantAsync([FromForm] string? user, [FromForm] string? role, CancellationToken cancellationToken)
    {
        var (person, nobody) = await people.NamedAsync(user ?? "", cancellationToken);
        var granted = nobody is not null ? nobody
            : AdminRoles.Parse(role) is not { } named ? AdminProblem.Invalid(("role", "Choose a role."))
            : await acts.GrantAsync(By, person!.UserId, named, cancellationToken);
        return await DoneAsync(granted.Problem, $"{person?.Email ?? person?.UserId} is {role} now.", cancellationToken);
    }

    public async Task<IActionResult> OnPostRevokeAsync([FromForm] string? user, CancellationToken cancellationToken) =>
        await DoneAsync(await acts.RevokeAsync(By, user ?? "", cancellationToken), "The role was taken away. It ends with the next request.", cancellationToken);

    private async Task<IActionResult> DoneAsync(AdminProblem? problem, string done, CancellationToken cancellationToken)
    {
        if (problem is null)
        {
            return SeeDone(Path, done);
        }

        await OnGetAsync(cancellationToken);
        return Refused(problem);
    }
}
