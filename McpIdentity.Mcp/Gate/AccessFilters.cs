using Microsoft.Extensions.DependencyInjection;
using ModelContextProtocol;
using ModelContextProtocol.Protocol;
using ModelContextProtocol.Server;

namespace McpIdentity.Mcp.Gate;

/// <summary>
/// The second layer, inside the SDK: a message is handled only if the gate has allowed this very one, and a list shows only
/// what its reader may have. Without a decision nothing happens, so a route around the gate, whatever its own settings say,
/// leads nowhere (SEED-064 to SEED-066).
/// </summary>
internal static class AccessFilters
{
    public static IMcpServerBuilder AddAccessFilters(this IMcpServerBuilder builder) => builder
        .WithMessageFilters(filters => filters.AddIncomingFilter(next => (message, cancellationToken) =>
            IsAllowed(message) ? next(message, cancellationToken)
            : message.JsonRpcMessage is JsonRpcRequest ? throw NotAuthorized()
            : Task.CompletedTask))
        .WithRequestFilters(filters => filters
            .AddCallToolFilter(next => (request, cancellationToken) =>
                DecidedMessage.Current is { } decided && decided.Call.Tool == request.Params?.Name ? next(request, cancellationToken) : throw NotAuthorized())
            .AddListToolsFilter(next => async (request, cancellationToken) =>
            {
                var rules = request.Services!.GetRequiredService<ToolRules>();
                var caller = (DecidedMessage.Current ?? throw NotAuthorized()).Access.Caller;
                var result = await next(request, cancellationToken);
                List<Tool> visible = [];
                foreach (var tool in result.Tools)
                {
                    if (await rules.IsVisibleAsync(tool.Name, caller, cancellationToken))
                    {
                        visible.Add(tool);
                    }
                }

                result.Tools = visible;
                return result;
            }));

    private static bool IsAllowed(MessageContext message) =>
        DecidedMessage.Current is { Access.IsAllowed: true, Call: var call } && call.Method == MethodOf(message.JsonRpcMessage);

    private static string? MethodOf(JsonRpcMessage message) => message switch
    {
        JsonRpcRequest request => request.Method,
        JsonRpcNotification notification => notification.Method,
        _ => null,
    };

    private static McpProtocolException NotAuthorized() => new("Not authorized", McpErrorCode.InvalidRequest);
}
