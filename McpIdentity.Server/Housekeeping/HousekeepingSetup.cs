namespace McpIdentity.Server.Housekeeping;

/// <summary>Work beside the requests: what has expired is deleted, what is under an old encryption key is written again.</summary>
internal static class HousekeepingSetup
{
    public static void AddHousekeeping(this WebApplicationBuilder builder)
    {
        builder.Services.AddScoped<Pruning>();
        builder.Services.AddHostedService<PruneRegularly>();
        builder.Services.AddHostedService<ReencryptRows>();
    }
}
