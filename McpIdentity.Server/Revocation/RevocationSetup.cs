namespace McpIdentity.Server.Revocation;

/// <summary>
/// What ended before its tokens expire: written to the database, kept in memory on every node, told from node to node. Whoever
/// remembers something of a client or person listens to <see cref="RevocationList.Added"/>.
/// </summary>
internal static class RevocationSetup
{
    public static void AddRevocation(this WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton<RevocationList>();
        builder.Services.AddSingleton<RevocationSignals>();
        builder.Services.AddSingleton<RevocationFeed>();
        builder.Services.AddHostedService(provider => provider.GetRequiredService<RevocationFeed>());
        builder.Services.AddSingleton<Revocations>();
    }
}
