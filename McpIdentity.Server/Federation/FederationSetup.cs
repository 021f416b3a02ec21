namespace McpIdentity.Server.Federation;

internal static class FederationSetup
{
    public static void AddFederatedSignIn(this WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton<SignInProviders>();
        builder.Services.AddScoped<UserDirectory>();
        builder.AddGoogleSignIn();
    }
}
