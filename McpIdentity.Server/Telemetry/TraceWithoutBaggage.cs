using System.Diagnostics;

namespace McpIdentity.Server.Telemetry;

/// <summary>
/// A caller's trace is continued (W3C Trace Context). Their baggage is not taken in: whatever a stranger writes there would go on to
/// providers, to hosts of client documents and into the log.
/// </summary>
internal sealed class TraceWithoutBaggage : DistributedContextPropagator
{
    private readonly DistributedContextPropagator _w3c = CreateW3CPropagator();

    public override IReadOnlyCollection<string> Fields => _w3c.Fields;

    public override void Inject(Activity? activity, object? carrier, PropagatorSetterCallback? setter) => _w3c.Inject(activity, carrier, setter);

    public override void ExtractTraceIdAndState(object? carrier, PropagatorGetterCallback? getter, out string? traceId, out string? traceState) =>
        _w3c.ExtractTraceIdAndState(carrier, getter, out traceId, out traceState);

    public override IEnumerable<KeyValuePair<string, string?>>? ExtractBaggage(object? carrier, PropagatorGetterCallback? getter) => null;
}
