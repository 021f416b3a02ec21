using System.Collections.Concurrent;
using System.Security.Claims;
using McpIdentity.Mcp;
using Microsoft.Extensions.DependencyInjection;
using ModelContextProtocol.Protocol;
using ModelContextProtocol.Server;
using DescriptionAttribute = System.ComponentModel.DescriptionAttribute;

namespace McpIdentity.Tests.Mcp;

/// <summary>Hosts whose clients have sessions, with tools that wait and ask.</summary>
internal static class SessionHosts
{
    private static readonly Dictionary<string, string?> Stateful = new()
    {
        ["Mcp:SessionMode"] = "stateful",
        ["Mcp:Auth:AuthType"] = "both",
        ["Mcp:Auth:PublicTools"] = "release, greeting",
        ["Mcp:MaxSessionsPerCaller"] = "1000",
    };

    public static Task<McpHost> StartAsync(params (string Key, string? Value)[] settings)
    {
        var all = new Dictionary<string, string?>(Stateful);
        foreach (var (key, value) in settings)
        {
            all[key] = value;
        }

        return McpHost.StartAsync(all, (_, mcp) => mcp.WithTools<SessionTools>());
    }

    private sealed class SessionTools
    {
        private static readonly ConcurrentDictionary<string, TaskCompletionSource> Held = new();

        [McpServerTool(Name = "hold"), Description("Answers when released")]
        public static async Task<string> HoldAsync(ClaimsPrincipal? user, string key)
        {
            await Held.GetOrAdd(key, _ => new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
            return Describe(user);
        }

        [McpServerTool(Name = "release"), Description("Releases")]
        public static string Release(ClaimsPrincipal? user, string key)
        {
            Held.GetOrAdd(key, _ => new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).TrySetResult();
            return Describe(user);
        }

        [McpServerTool(Name = "ask"), Description("Asks for a word")]
        public static async Task<string> AskAsync(McpServer server, CancellationToken cancellationToken)
        {
            var schema = new ElicitRequestParams.RequestSchema { Properties = { ["word"] = new ElicitRequestParams.StringSchema() } };
            var answer = await server.ElicitAsync(new ElicitRequestParams { Message = "Which word?", RequestedSchema = schema }, cancellationToken);
            return answer.Content!["word"].GetString()!;
        }

        private static string Describe(ClaimsPrincipal? user) => $"{user?.Identity?.Name} {user?.FindFirst("scope")?.Value}";
    }
}
