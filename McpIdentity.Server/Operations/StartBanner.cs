using System.Globalization;
using System.Reflection;
using McpIdentity.Mcp;
using McpIdentity.Server.Federation;
using McpIdentity.Server.Hosting;
using McpIdentity.Server.Persistence;
using McpIdentity.Server.Protocol;
using McpIdentity.Server.Settings;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Operations;

/// <summary>Tells whoever started the server what it is doing, and how a client connects.</summary>
internal static class StartBanner
{
    public static void PrintBanner(this WebApplication app, IReadOnlyList<string> applied)
    {
        var address = app.Services.GetRequiredService<PublicAddress>();
        var providers = app.Services.GetRequiredService<SignInProviders>();
        var mcp = app.Services.GetRequiredService<IOptions<McpOptions>>().Value;
        var version = Assembly.GetExecutingAssembly().GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion.Split('+')[0];
        var endpoint = address.UrlOf(mcp.Path);
        var issues = app.Services.GetRequiredService<ServerSettings>().OAuth.Enabled;
        string Issuing(string path) => issues ? address.UrlOf(path) : "off (OAuth:Enabled)";
        Console.WriteLine($"""
            McpIdentity {version}  {app.Environment.EnvironmentName}
              Server URL          {address.Issuer}
              Listening on        {string.Join(", ", app.Urls)}
              Database            {app.Services.DescribeDatabase()} ({(applied.Count == 0 ? "up to date" : $"migrations applied: {string.Join(", ", applied)}")})
              Sign-in             {(issues ? SignIn(providers) : "off (OAuth:Enabled)")}
              MCP Endpoint        {(mcp.Enabled ? $"{endpoint}  (auth type: {mcp.Auth.AuthType.ToString().ToLowerInvariant()})" : "off (Mcp:Enabled)")}
              Authorization       {Issuing(Paths.Authorize)}
              Token               {Issuing(Paths.Token)}
              User Info           {Issuing(Paths.UserInfo)}
              Auth Server         {Issuing(Paths.ServerMetadata(mcp.Path)[0])}
              Protected Resource  {(mcp is { Enabled: true, Auth.AuthType: not McpAuthType.None } ? address.UrlOf("/.well-known/oauth-protected-resource") : "off (Mcp:Enabled, Mcp:Auth:AuthType)")}
              Connections         {Connections(app.Services)}
              Connect             claude mcp add --transport http mcpidentity {endpoint}
            """);
    }

    private static string Connections(IServiceProvider services) =>
        services.GetRequiredService<IOptions<KestrelServerOptions>>().Value.Limits.MaxConcurrentConnections is { } connections
            ? $"{connections} at once, of {ConnectionLimit.Descriptors?.ToString(CultureInfo.InvariantCulture) ?? "unlimited"} file descriptors (ulimit -n)"
            : "as many as come";

    private static string SignIn(SignInProviders providers) => providers switch
    {
        { All.Count: > 0 } => string.Join(", ", providers.All.Select(provider => $"{provider.DisplayName} (redirect URI {providers.CallbackOf(provider)})")),
        { Demo: true } => "demo users alice and bob, no password (set GOOGLE_CLIENT_ID and GOOGLE_CLIENT_SECRET for Google; docs/sign-in-providers.md for others)",
        _ => "nobody: no provider is configured",
    };
}
