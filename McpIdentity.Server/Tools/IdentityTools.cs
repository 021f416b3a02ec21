using System.ComponentModel;
using System.Diagnostics;
using System.Security.Claims;
using McpIdentity.Mcp;
using McpIdentity.Server.Protocol;
using ModelContextProtocol.Server;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace McpIdentity.Server.Tools;

/// <summary>What our own MCP endpoint offers: small tools that show who the server thinks is calling.</summary>
[McpServerToolType]
internal sealed class IdentityTools
{
    [McpServerTool(Name = "greeting", ReadOnly = true, Idempotent = true, OpenWorld = false), ToolAccess(Public = true, Category = "demo")]
    [Description("Greets the caller by name.")]
    public static string Greeting(ClaimsPrincipal? user = null, [Description("Another name to greet.")] string? name = null) =>
        $"Hello, {(string.IsNullOrWhiteSpace(name) ? NameOf(user) : name)}!";

    [McpServerTool(Name = "ping", ReadOnly = true, Idempotent = true, OpenWorld = false), ToolAccess(Public = true, Category = "diagnostics")]
    [Description("Answers pong.")]
    public static string Ping() => "pong";

    [McpServerTool(Name = "echo", ReadOnly = true, Idempotent = true, OpenWorld = false), ToolAccess(Category = "demo")]
    [Description("Returns the message.")]
    public static string Echo([Description("What to return.")] string message) => message;

    [McpServerTool(Name = "whoami", ReadOnly = true, Idempotent = true, OpenWorld = false), ToolAccess(Category = "diagnostics")]
    [Description("Tells who is calling: subject, e-mail address, scopes and how they signed in.")]
    public static string WhoAmI(ClaimsPrincipal? user = null) => CallerDescription.Describe(user);

    [McpServerTool(Name = "admin_status", ReadOnly = true, Idempotent = true, OpenWorld = false), ToolAccess(Scopes = ServerScopes.McpAdmin, Category = "admin")]
    [Description("Tells administrators how the server is doing.")]
    public static string AdminStatus(TimeProvider time, IHostEnvironment environment)
    {
        using var process = Process.GetCurrentProcess();
        var up = time.GetUtcNow() - process.StartTime.ToUniversalTime();
        return $"{environment.EnvironmentName}, up for {up:d\\.hh\\:mm\\:ss}, {process.WorkingSet64 / (1024 * 1024)} MiB";
    }

    private static string NameOf(ClaimsPrincipal? user) =>
        user?.FindFirst(Claims.Name)?.Value ?? user?.FindFirst(Claims.Email)?.Value ?? user?.FindFirst(Claims.Subject)?.Value ?? "stranger";
}
