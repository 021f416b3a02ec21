using System.Collections.Concurrent;
using OpenIddict.Server;
using OpenIddict.Server.AspNetCore;
using static OpenIddict.Server.OpenIddictServerEvents;
using static OpenIddict.Server.OpenIddictServerHandlerFilters;

namespace McpIdentity.Server.Dispatching;

/// <summary>Which handlers an event has, one plan for each kind of event.</summary>
/// <param name="services">Of what lives as long as the server.</param>
internal sealed class EventPlans(IServiceProvider services)
{
    private readonly ConcurrentDictionary<Type, EventPlan> _plans = new();

    /// <summary>The plan for events such as this one.</summary>
    public EventPlan<TContext> For<TContext>(TContext context)
        where TContext : BaseContext
    {
        if (_plans.TryGetValue(typeof(TContext), out var known) && ReferenceEquals(known.Options, context.Options))
        {
            return (EventPlan<TContext>)known;
        }

        var plan = new EventPlan<TContext>(context, services);
        _plans[typeof(TContext)] = plan;
        return plan;
    }
}

/// <inheritdoc cref="EventPlans"/>
internal abstract class EventPlan
{
    /// <summary>By what was left out what was left out: other options need another plan.</summary>
    public required OpenIddictServerOptions Options { get; init; }
}

/// <summary>
/// The handlers of an event in their order, without those that the options leave out, and what is still to be asked of each: OpenIddict's
/// dispatcher finds that anew with every event, among the handlers of all events.
/// </summary>
internal sealed class EventPlan<TContext> : EventPlan
    where TContext : BaseContext
{
    /// <summary>Those that say the same of every event while the options stay the same.</summary>
    private static readonly HashSet<Type> OfOptions =
    [
        typeof(RequireAudiencePermissionsEnabled), typeof(RequireAudienceValidationEnabled), typeof(RequireAuthorizationStorageEnabled), typeof(RequireDegradedModeDisabled),
        typeof(RequireEndpointPermissionsEnabled), typeof(RequireGrantTypePermissionsEnabled), typeof(RequireReferenceAccessTokensEnabled), typeof(RequireReferenceRefreshTokensEnabled),
        typeof(RequireResourcePermissionsEnabled), typeof(RequireResourceValidationEnabled), typeof(RequireResponseTypePermissionsEnabled), typeof(RequireScopePermissionsEnabled),
        typeof(RequireScopeValidationEnabled), typeof(RequireSlidingRefreshTokenExpirationEnabled), typeof(RequireTokenStorageEnabled),
        .. typeof(OpenIddictServerAspNetCoreHandlerFilters).GetNestedTypes().Where(type => type != typeof(OpenIddictServerAspNetCoreHandlerFilters.RequireHttpRequest)),
    ];

    [System.Diagnostics.CodeAnalysis.SetsRequiredMembers]
    public EventPlan(TContext context, IServiceProvider services)
    {
        Options = context.Options;
        Steps = [.. context.Options.Handlers.Where(handler => handler.ContextType == typeof(TContext)).Select(handler => Plan(handler, context, services)).OfType<EventStep<TContext>>()];
    }

    /// <summary>In their order.</summary>
    public EventStep<TContext>[] Steps { get; }

    private static EventStep<TContext>? Plan(OpenIddictServerHandlerDescriptor handler, TContext context, IServiceProvider services)
    {
        var filters = handler.FilterTypes.ToLookup(OfOptions.Contains, type => (IOpenIddictServerHandlerFilter<TContext>)services.GetRequiredService(type));
        // None of them waits for anything.
        return filters[true].All(filter => filter.IsActiveAsync(context).AsTask().Result)
            ? new EventStep<TContext>(handler.ServiceDescriptor.ServiceType, [.. filters[false]], HandlerOf(handler.ServiceDescriptor, services))
            : null;
    }

    private static IOpenIddictServerHandler<TContext>? HandlerOf(ServiceDescriptor handler, IServiceProvider services) =>
        (handler.ImplementationInstance ?? (handler.Lifetime == ServiceLifetime.Singleton ? services.GetRequiredService(handler.ServiceType) : null)) as IOpenIddictServerHandler<TContext>;
}

/// <summary>One handler of an event.</summary>
/// <param name="Type">By which a request finds one of its own.</param>
/// <param name="Filters">Each says of an event whether it is for the handler.</param>
/// <param name="Handler">One for all requests; null: each request has its own.</param>
internal sealed record EventStep<TContext>(Type Type, IOpenIddictServerHandlerFilter<TContext>[] Filters, IOpenIddictServerHandler<TContext>? Handler)
    where TContext : BaseContext;
