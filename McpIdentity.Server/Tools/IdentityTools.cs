using System.ComponentModel;
using System.Diagnostics;
using System.Security.Claims;
using McpIdentity.Mcp;
using McpIdentity.Server.Protocol;
using ModelContextProtocol.Server;

namespace McpIdentity.Server.Tools;

/// <summary>What our own MCP endpoint offers: small tools that show who the server thinks is calling.</summary>
[McpServerToolType]
internal sealed class IdentityTools
{
    [McpServerTool(Name = "greeting", ReadOnly = true, Idempotent = true, OpenWorld = false), ToolAccess(Public = true, Category = "demo")]
    [Description("Greets the caller by name.")]
    public static async Task<string> GreetingAsync(
        IServiceProvider services, CancellationToken cancellationToken, ClaimsPrincipal? user = null, [Description("Another name to greet.")] string? name = null)
    {
        var caller = string.IsNullOrWhiteSpace(name) ? await CallerDescription.DescribeAsync(user, services, cancellationToken) : null;
        return $"Hello, {(string.IsNullOrWhiteSpace(name) ? caller?.Name ?? caller?.Email ?? caller?.Sub ?? "stranger" : name)}!";
    }

    [McpServerTool(Name = "ping", ReadOnly = true, Idempotent = true, OpenWorld = false), ToolAccess(Public = true, Category = "diagnostics")]
    [Description("Answers pong.")]
    public static string Ping() => "pong";

    [McpServerTool(Name = "echo", ReadOnly = true, Idempotent = true, OpenWorld = false), ToolAccess(Category = "demo")]
    [Description("Returns the message.")]
    public static string Echo([Description("What to return.")] string message) => message;

    [McpServerTool(Name = "whoami", ReadOnly = true, Idempotent = true, OpenWorld = false), ToolAccess(Category = "diagnostics")]
    [Description("Tells who is calling: subject, e-mail address, scopes and how they signed in.")]
    public static async Task<string> WhoAmIAsync(IServiceProvider services, CancellationToken cancellationToken, ClaimsPrincipal? user = null) =>
        (await CallerDescription.DescribeAsync(user, services, cancellationToken))?.ToString() ?? "anonymous";

    [McpServerTool(Name = "admin_status", ReadOnly = true, Idempotent = true, OpenWorld = false), ToolAccess(Scopes = ServerScopes.McpAdmin, Category = "admin")]
    [Description("Tells administrators how the server is doing.")]
    public static string AdminStatus(TimeProvider time, IHostEnvironment environment)
    {
        using var process = Process.GetCurrentProcess();
        var up = time.GetUtcNow() - process.StartTime.ToUniversalTime();
        return $"{environment.EnvironmentName}, up for {up:d\\.hh\\:mm\\:ss}, {process.WorkingSet64 / (1024 * 1024)} MiB";
    }
}
