using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Federation;
using McpIdentity.Server.Protocol;

namespace McpIdentity.Server.Account;

/// <summary>Where a person is signed in.</summary>
[Address(Reader.People, "GET HEAD", Bucket = "account", TakesForms = true)]
internal sealed class SessionsModel(OwnSessions sessions, SignInProviders providers) : AccountPage
{
    public IReadOnlyList<SignInSession> Sessions { get; private set; } = [];

    public Pager Pager { get; private set; } = null!;

    public string ProviderOf(SignInSession session) => providers.NameOf(session.Provider);

    public async Task OnGetAsync(CancellationToken cancellationToken)
    {
        var all = await sessions.ListAsync(Person, cancellationToken);
        Pager = Pager.For(AskedPage, all.Count, OwnSessions.PageSize);
        Sessions = [.. all.Skip(Pager.Skip).Take(OwnSessions.PageSize)];
    }
}
