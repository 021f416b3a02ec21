using McpIdentity.Mcp;
using McpIdentity.Server.Hosting;
using McpIdentity.Server.Tokens;

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
        builder.Services.AddSingleton<IMcpPublicAddress>(services => services.GetRequiredService<PublicAddress>());
        builder.Services.AddSingleton<IMcpSessionStore>(services => services.GetRequiredService<RevokedGrants>());
    }
}
