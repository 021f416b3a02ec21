using McpIdentity.Mcp;
using McpIdentity.Server.Hosting;
using McpIdentity.Server.Sessions;

namespace McpIdentity.Server.Authorization;

/// <summary>The co-hosted MCP module, told who issues its tokens and how to know that a session has ended.</summary>
internal static class McpResourceSetup
{
    public static void AddProtectedResource(this WebApplicationBuilder builder)
    {
        builder.AddMcpModule();
        builder.Services.AddOptions<McpOptions>().PostConfigure<PublicAddress>((mcp, address) =>
        {
            mcp.PublicBaseUrl = address.Issuer;
            mcp.Auth.OAuth.Issuer = address.Issuer;
        });
        builder.Services.AddSingleton<IMcpSessionStore>(services => services.GetRequiredService<SignInSessions>());
    }
}
