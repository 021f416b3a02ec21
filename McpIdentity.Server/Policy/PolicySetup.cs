using McpIdentity.Server.Settings;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Policy;

/// <summary>Who may do what at the servers that this one fronts: rules from three places, who is in which group, what is decided.</summary>
internal static class PolicySetup
{
    public static void AddPolicy(this WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton<IValidateOptions<PolicyOptions>, PolicyOptionsRules>();
        builder.Services.AddSingleton<PolicyInForce>();
        builder.Services.AddSingleton<PolicyDecisions>();
        builder.Services.AddSingleton<PolicyDryRun>();
        builder.Services.AddSingleton<PolicyFeed>();
        builder.Services.AddHostedService(provider => provider.GetRequiredService<PolicyFeed>());
        builder.Services.AddScoped<StoredPolicies>();
    }

    /// <summary>Before the first request.</summary>
    public static async Task LoadPolicyAsync(this IServiceProvider services, CancellationToken cancellationToken)
    {
        await services.GetRequiredService<PolicyFeed>().LoadAsync(cancellationToken);
        services.GetRequiredService<PolicyInForce>().Log();
    }
}
