using OpenIddict.Server;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace McpIdentity.Server;

/// <summary>One event of OpenIddict, with the place of our handlers among its own.</summary>
internal abstract class PipelineStage
{
    private readonly List<OpenIddictServerHandlerDescriptor> _steps = [];
    private int _order = int.MinValue;

    /// <summary>The event, by the name of its context.</summary>
    public abstract Type Context { get; }

    /// <summary>Ours and those of OpenIddict's that say where ours stand, in the order in which they run.</summary>
    public IReadOnlyList<OpenIddictServerHandlerDescriptor> Steps => _steps;

    /// <summary>OpenIddict's that do not run here.</summary>
    public List<OpenIddictServerHandlerDescriptor> Removed { get; } = [];

    public static bool IsOurs(OpenIddictServerHandlerDescriptor step) => step.ServiceDescriptor.ServiceType.Assembly == typeof(PipelineStage).Assembly;

    // OpenIddict's own stand 250 to a thousand apart: what follows one of them has room until the next.
    protected void PutAfter(OpenIddictServerHandlerDescriptor theirs)
    {
        _order = theirs.Order;
        _steps.Add(theirs);
    }

    protected int NextOrder() => ++_order;

    protected void Put(OpenIddictServerHandlerDescriptor ours) => _steps.Add(ours);
}

/// <inheritdoc/>
internal sealed class PipelineStage<TContext> : PipelineStage
    where TContext : BaseContext
{
    public override Type Context => typeof(TContext);

    /// <summary>What follows runs directly after this handler of OpenIddict's; before the first such call, before all of them.</summary>
    public PipelineStage<TContext> After(OpenIddictServerHandlerDescriptor theirs)
    {
        PutAfter(theirs);
        return this;
    }

    /// <summary>The next of ours, one object for all requests.</summary>
    public PipelineStage<TContext> Run<THandler>()
        where THandler : class, IOpenIddictServerHandler<TContext>
    {
        Put(OpenIddictServerHandlerDescriptor.CreateBuilder<TContext>().UseSingletonHandler<THandler>().SetOrder(NextOrder()).Build());
        return this;
    }

    /// <summary>The next of ours, made for each request: it needs the clients' manager.</summary>
    public PipelineStage<TContext> RunScoped<THandler>()
        where THandler : class, IOpenIddictServerHandler<TContext>
    {
        Put(OpenIddictServerHandlerDescriptor.CreateBuilder<TContext>().UseScopedHandler<THandler>().SetOrder(NextOrder()).Build());
        return this;
    }

    /// <summary>A handler of OpenIddict's that would undo ours.</summary>
    public PipelineStage<TContext> Without(OpenIddictServerHandlerDescriptor theirs)
    {
        Removed.Add(theirs);
        return this;
    }
}
