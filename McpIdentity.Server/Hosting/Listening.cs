namespace McpIdentity.Server.Hosting;

/// <summary>Kestrel: the port from <c>Server:Port</c>, and no word about what it is.</summary>
internal static class Listening
{
    public static void AddListening(this WebApplicationBuilder builder)
    {
        builder.Services.AddOptions<ServerOptions>().BindConfiguration(ServerOptions.Section).ValidateOnStart();
        builder.Services.ConfigureOptions<ServerOptionsRules>();
        builder.Services.AddHttpContextAccessor();
        builder.Services.AddSingleton<PublicAddress>();
        builder.Services.AddSingleton(TimeProvider.System);

        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = 4 * 1024 * 1024;
            // Our own pages carry a whole authorization request in their address.
            kestrel.Limits.MaxRequestLineSize = 16 * 1024;
        });

        if (string.IsNullOrEmpty(builder.Configuration[WebHostDefaults.ServerUrlsKey]))
        {
            // The demo users have no password: outside Production only this machine may reach them.
            var host = builder.Environment.IsProduction() ? "*" : "localhost";
            builder.WebHost.UseUrls($"http://{host}:{builder.Configuration["Server:Port"] ?? "8082"}");
        }
    }
}
