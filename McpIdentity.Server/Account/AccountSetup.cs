namespace McpIdentity.Server.Account;

/// <summary>What a person finds of their own under <c>/account</c>: the apps that they have connected, the browsers that they are signed in with, who they are here.</summary>
internal static class AccountSetup
{
    public static void AddAccount(this WebApplicationBuilder builder)
    {
        builder.Services.AddScoped<ConnectedApps>();
    }
}
