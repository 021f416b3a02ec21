using McpIdentity.Server.Pages;
using McpIdentity.Server.Protocol;

namespace McpIdentity.Server.Account;

/// <summary>The apps that a person has connected, and those that may connect without being asked about again.</summary>
[Address(Reader.People, "GET HEAD", Bucket = "account", TakesForms = true)]
internal sealed class AppsModel(ConnectedApps apps, AppDescriptions descriptions) : AccountPage
{
    public IReadOnlyList<AppDescription> Apps { get; private set; } = [];

    public Pager Pager { get; private set; } = null!;

    public async Task OnGetAsync(CancellationToken cancellationToken)
    {
        (var entries, Pager) = await apps.ListAsync(Person.UserId, AskedPage, cancellationToken);
        Apps = await descriptions.DescribeAsync(Person.UserId, entries, PageLanguage.ReadBy(Request), cancellationToken);
    }
}
