using McpIdentity.Migrations;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Federation;
using McpIdentity.Server.Protocol;
using Microsoft.EntityFrameworkCore;

namespace McpIdentity.Server.Account;

/// <summary>What this server knows of the person, all of it from their sign-in provider.</summary>
[Address(Reader.People, "GET HEAD", Bucket = "account", TakesForms = true)]
internal sealed class ProfileModel(McpIdentityDbContext db, SignInProviders providers) : AccountPage
{
    public User Known { get; private set; } = null!;

    public string Provider => providers.NameOf(Known.Provider);

    public async Task OnGetAsync(CancellationToken cancellationToken) =>
        Known = await db.Users.AsNoTracking().SingleAsync(user => user.Id == Person.UserId, cancellationToken);
}
