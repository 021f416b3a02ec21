using Microsoft.Extensions.DependencyInjection;
using ModelContextProtocol;
using ModelContextProtocol.Protocol;
using ModelContextProtocol.Server;

namespace McpIdentity.Mcp.Gate;

/// <summary>
/// The second layer, inside the SDK: a tool runs only if the gate has allowed this very call, and a list shows only what its
/// reader may have. Without a decision nothing happens, so a route around the gate leads nowhere.
/// </summary>
internal static class ToolFilters
{
    public static IMcpServerBuilder AddToolFilters(this IMcpServerBuilder builder) => builder.WithRequestFilters(filters => filters
        .AddCallToolFilter(next => (request, cancellationToken) =>
        {
            var current = Current(request.Services);
            return current is { Access.IsAllowed: true, Call.Method: McpMethods.ToolsCall } && current.Call.Tool == request.Params?.Name
                ? next(request, cancellationToken)
                : throw new McpProtocolException("Not authorized", McpErrorCode.InvalidRequest);
        })
        .AddListToolsFilter(next => async (request, cancellationToken) =>
        {
            if (Current(request.Services) is not { Access: { IsAllowed: true } access, Call.Method: McpMethods.ToolsList })
            {
                throw new McpProtocolException("Not authorized", McpErrorCode.InvalidRequest);
            }

            var rules = request.Services!.GetRequiredService<ToolRules>();
            var result = await next(request, cancellationToken);
            result.Tools = [.. result.Tools.Where(tool => rules.IsVisible(tool.Name, access.Caller))];
            return result;
        }));

    private static CurrentAccess? Current(IServiceProvider? services) => services?.GetService<CurrentAccess>();
}
