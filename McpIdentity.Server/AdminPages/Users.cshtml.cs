using McpIdentity.Server.Administration;
using McpIdentity.Server.Protocol;
using Microsoft.AspNetCore.Mvc;

namespace McpIdentity.Server.AdminPages;

/// <summary>Who has signed in here.</summary>
[Address(Reader.People, "GET HEAD", Bucket = "account", TakesForms = true, HasScript = true)]
internal sealed class UsersModel(UserDirectory directory) : ListPage
{
    public const string Path = Paths.Console + "/users";

    public override string Section => Path;

    public override string Heading => "People";

    public override string None => "There is nobody.";

    public override IReadOnlyList<ListField> Fields => [new("text", "E-mail, name or id", Text), ListField.Choice("status", "Status", Status, "enabled", "disabled")];

    public override int Count => Users.Count;

    protected override AdminRight ToRead => AdminRight.ReadPeople;

    [BindProperty(Name = "text", SupportsGet = true)]
    public string? Text { get; set; }

    [BindProperty(Name = "status", SupportsGet = true)]
    public string? Status { get; set; }

    public IReadOnlyList<UserView> Users { get; private set; } = [];

    public async Task OnGetAsync(CancellationToken cancellationToken)
    {
        var page = await directory.ListAsync(new UserFilter(Filled(Text), Filled(Status), null), new Slice(PageSize, Filled(After)), cancellationToken);
        (Users, Next) = (page.Items, page.Next);
    }
}
