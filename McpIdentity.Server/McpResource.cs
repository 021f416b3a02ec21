using McpIdentity.Mcp;
using McpIdentity.Server.Authorization;
using McpIdentity.Server.Protocol;
using McpIdentity.Server.Sessions;
using McpIdentity.Server.Settings;
using McpIdentity.Server.Tools;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server;

/// <summary>The co-hosted MCP module, told who issues its tokens and how to know that a session has ended.</summary>
internal static class McpResource
{
    public static void AddMcpResource(this WebApplicationBuilder builder)
    {
        builder.AddMcpModule().WithTools<IdentityTools>();
        builder.Services.AddOptions<McpOptions>()
            .PostConfigure<PublicAddress>((mcp, address) => mcp.PublicBaseUrl = mcp.Auth.OAuth.Issuer = IssuerOf(address))
            .Validate<ServerSettings>(
                (mcp, settings) => !mcp.Enabled || mcp.Auth.AuthType is McpAuthType.Jwt or McpAuthType.None || settings.OAuth.Enabled,
                "Mcp:Auth:AuthType oauth and both accept tokens of this authorization server, but OAuth:Enabled (OAUTH_ENABLED) is false; " +
                "without it the auth type is jwt.")
            .Validate<ServerSettings>(
                (mcp, settings) => !(settings.OAuth.CallbackPath + "/").StartsWith(mcp.Path + "/", StringComparison.OrdinalIgnoreCase),
                "OAuth:CallbackPath is the address of the MCP endpoint (Mcp:Path), or below it.")
            .Validate(mcp => !mcp.Enabled || !mcp.Path.StartsWith('/') || !Paths.IsTaken(mcp.Path), "Mcp:Path is the address of another endpoint or page of this server: choose one of its own, such as /mcp.");
        builder.Services.AddSingleton<IMcpPublicAddress>(services => services.GetRequiredService<PublicAddress>());
        builder.Services.AddSingleton<IMcpScopes, EndpointScopeGrants>();
        builder.Services.AddSingleton<IMcpSessionStore>(services => services.GetRequiredService<SignInSessions>());
    }

    /// <summary>The module counts requests, compares hosts and answers errors itself (JSON-RPC), in any host.</summary>
    public static void MapMcpResource(this WebApplication app)
    {
        var mcp = app.Services.GetRequiredService<IOptions<McpOptions>>().Value;
        var endpoint = new AddressAttribute(Reader.Programs, AddressAttribute.AnyMethod) { Cors = true, ComparesOrigins = mcp.Enabled, AnyHost = true, WithoutOAuth = true, JudgesTokens = true };
        var metadata = new AddressAttribute(Reader.Programs, "GET HEAD") { Cors = true, AllowsHttp = true, AnyHost = true, WithoutOAuth = true };
        if (!mcp.Enabled)
        {
            app.Map(mcp.Path, () => OAuthError.NotFound("This server has no MCP endpoint: Mcp:Enabled is false."))
                .WithAddress(endpoint);
        }

        app.MapMcpModule().Add(mapped => mapped.Metadata.Add(
            mapped is RouteEndpointBuilder { RoutePattern.RawText: { } path } && path.Contains(Paths.WellKnown + "/", StringComparison.Ordinal) ? metadata : endpoint));
    }

    /// <summary>What judges its callers itself answers here: what is behind costs as much as the gate, and says nothing of them.</summary>
    public static void UseTokenJudges(this WebApplication app) => app.Use((context, next) =>
        context.GetAddress() is { JudgesTokens: true } && context.GetEndpoint() is { RequestDelegate: { } answer } ? answer(context) : next(context));

    private static string IssuerOf(PublicAddress address)
    {
        try
        {
            return address.Issuer;
        }
        catch (OptionsValidationException)
        {
            // Server's own rules say what is wrong with it; what is wrong with Mcp belongs into the same list.
            return "http://localhost";
        }
    }
}
