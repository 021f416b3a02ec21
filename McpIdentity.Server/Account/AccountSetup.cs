using McpIdentity.Server.Protocol;

namespace McpIdentity.Server.Account;

/// <summary>What a person finds of their own under <c>/account</c>: the apps that they have connected, the browsers that they are signed in with, who they are here.</summary>
internal static class AccountSetup
{
    public static void AddAccount(this WebApplicationBuilder builder)
    {
        builder.Services.AddScoped<ConnectedApps>();
        builder.Services.AddScoped<AppDescriptions>();
        builder.Services.AddSingleton<OwnSessions>();
        builder.Services.AddSingleton<Done>();
    }

    /// <summary>The address that people are told; its pages stand beside their models.</summary>
    public static void MapAccount(this WebApplication app) =>
        app.Map(Paths.Account, () => Results.Redirect(Paths.Apps)).WithAddress(new AddressAttribute(Reader.People, "GET HEAD") { Bucket = "account" });
}
