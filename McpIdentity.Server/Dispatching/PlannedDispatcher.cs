using OpenIddict.Server;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace McpIdentity.Server.Dispatching;

/// <summary>
/// Runs the handlers of an event as OpenIddict's dispatcher does, the same ones in the same order, and says so in its words (docs/pipeline.md
/// is written from them); but which they are is known beforehand (<see cref="EventPlan{TContext}"/>).
/// </summary>
/// <param name="services">Of the request.</param>
/// <param name="plans">Of all events.</param>
/// <param name="logger">OpenIddict's category: whoever looks for its lines finds ours.</param>
internal sealed partial class PlannedDispatcher(IServiceProvider services, EventPlans plans, ILogger<OpenIddictServerDispatcher> logger) : IOpenIddictServerDispatcher
{
    /// <inheritdoc/>
    public async ValueTask DispatchAsync<TContext>(TContext context)
        where TContext : BaseContext
    {
        var isTold = logger.IsEnabled(LogLevel.Debug);
        foreach (var step in plans.For(context).Steps)
        {
            if (!await IsActiveAsync(step, context))
            {
                continue;
            }

            var handler = step.Handler ?? (IOpenIddictServerHandler<TContext>)services.GetRequiredService(step.Type);
            await handler.HandleAsync(context);
            if (isTold)
            {
                Processed(typeof(TContext).FullName, step.Type.FullName);
            }

            if (context is BaseRequestContext { IsRequestHandled: true } or BaseRequestContext { IsRequestSkipped: true } or BaseValidatingContext { IsRejected: true })
            {
                return;
            }
        }
    }

    private static async ValueTask<bool> IsActiveAsync<TContext>(EventStep<TContext> step, TContext context)
        where TContext : BaseContext
    {
        foreach (var filter in step.Filters)
        {
            if (!await filter.IsActiveAsync(context))
            {
                return false;
            }
        }

        return true;
    }

    [LoggerMessage(6133, LogLevel.Debug, "The event {Event} was successfully processed by {Handler}.")]
    private partial void Processed(string? @event, string? handler);
}
