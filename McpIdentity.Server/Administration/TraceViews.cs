namespace McpIdentity.Server.Administration;

/// <summary>One step of a way.</summary>
/// <param name="Time">When.</param>
/// <param name="Event">What happened, in the words of the security log.</param>
/// <param name="Result">success, failure, warning or not_enforced.</param>
/// <param name="Reason">Why.</param>
/// <param name="Rule">By which rule of the policy.</param>
/// <param name="Resource">At which MCP server.</param>
/// <param name="Tool">Which tool.</param>
/// <param name="Got">What was sent.</param>
/// <param name="Expected">What would have been right.</param>
/// <param name="TraceId">The request: the reference of a page.</param>
/// <param name="SameAddressOnly">It named no client, and may be of somebody else at the same address.</param>
internal sealed record TraceStepView(
    DateTimeOffset Time, string Event, string Result, string? Reason, string? Rule, string? Resource, string? Tool, string? Got, string? Expected, string? TraceId, bool SameAddressOnly);

/// <summary>One way of a connection, and what is wrong with it.</summary>
/// <param name="Flow">Its identifier; absent where nobody asked for an authorization.</param>
/// <param name="ClientId">Whose it is.</param>
/// <param name="Subject">For whom, once somebody has signed in.</param>
/// <param name="Diagnosis">What was found, for programs; works: nothing.</param>
/// <param name="Says">The same in a sentence.</param>
/// <param name="Cure">What to do.</param>
/// <param name="Steps">In the order in which they happened.</param>
internal sealed record TraceFlowView(string? Flow, string? ClientId, string? Subject, string Diagnosis, string Says, string? Cure, IReadOnlyList<TraceStepView> Steps)
{
    public static TraceFlowView Of(DiagnosedFlow diagnosed) => new(
        diagnosed.Flow.Id, diagnosed.Flow.ClientId, diagnosed.Flow.Subject, diagnosed.Finding.Id, diagnosed.Finding.Says, diagnosed.Finding.Cure,
        [.. diagnosed.Flow.Steps.Select(step => new TraceStepView(
            step.Row.At, step.Event, step.Row.Result, step.Reason, step["rule"], step.Row.Resource, step.Row.Tool, step.Got, step.Expected, step.Row.TraceId, step.IsOnlyNearby))]);
}

/// <summary>Why somebody cannot connect.</summary>
/// <param name="What">Whose ways they are, in words.</param>
/// <param name="Known">How many are known.</param>
/// <param name="Faulty">How many of them have a fault.</param>
/// <param name="Flows">The last that failed, else the last; or all, the newest first.</param>
internal sealed record TraceView(string What, int Known, int Faulty, IReadOnlyList<TraceFlowView> Flows)
{
    public static TraceView Of(TraceResult trace, bool all) => new(
        trace.What, trace.Known, trace.Flows.Count(flow => flow.IsFaulty), [.. (all ? trace.Flows : [trace.Telling]).Select(TraceFlowView.Of)]);
}
