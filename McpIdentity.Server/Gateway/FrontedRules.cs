using System.Collections.Frozen;
using McpIdentity.Mcp.Credentials;
using McpIdentity.Mcp.Gate;
using McpIdentity.Server.Catalogue;
using McpIdentity.Server.Persistence;
using McpIdentity.Server.Policy;

namespace McpIdentity.Server.Gateway;

/// <summary>
/// Who may do what at one server behind this one: our own token for it, what the person left to the client, the policy, and the
/// scopes. Lists show what a call would be allowed, or would be after a step-up.
/// </summary>
internal sealed class FrontedRules(FrontedServer server, PolicyDecisions policy, ToolCatalogue catalogue) : IAccessRules
{
    public async ValueTask<McpAccess> DecideAsync(McpCall call, PresentedCredentials credentials, TokenOutcome token, CancellationToken cancellationToken) =>
        await FindAsync(call, credentials, token, cancellationToken) with { Server = server.Name };

    private async ValueTask<McpAccess> FindAsync(McpCall call, PresentedCredentials credentials, TokenOutcome token, CancellationToken cancellationToken)
    {
        if (token.Caller is not { } caller)
        {
            return McpAccess.Refuse(credentials, token, server.Asked);
        }

        PolicyCaller who;
        try
        {
            who = await policy.CallerAsync(caller.Subject, caller.ClientId, cancellationToken);
        }
        catch (Exception exception) when (StorageFaults.IsOne(exception))
        {
            // Who has never been seen on this node may be anybody: 503, neither 200 nor 403.
            return new McpAccess(McpOutcome.Unavailable) { Caller = caller, Description = "Who calls cannot be looked up now" };
        }

        if (TargetOf(call) is not { } target)
        {
            return policy.MayReach(who, server.Name)
                ? new McpAccess(McpOutcome.Allowed) { Caller = caller }
                : new McpAccess(McpOutcome.PolicyDenied) { Caller = caller, Rule = "nothing of this server is for this caller" };
        }

        // Before any scope, or a client would step up for what it does not get by it.
        var decision = policy.Decide(who, server.Name, target);
        if (decision.Effect == PolicyEffect.Deny || IsHeld(target))
        {
            return new McpAccess(McpOutcome.PolicyDenied) { Caller = caller, Rule = decision.Effect == PolicyEffect.Deny ? decision.Rule : "the tool waits for review, or is blocked" };
        }

        if (target.Kind == PolicyTargetKind.Tool && !IsLeft(caller, target.Name, decision))
        {
            return new McpAccess(McpOutcome.ToolNotLeft) { Caller = caller, Rule = decision.Rule };
        }

        string[] missing = [.. NeededFor(target).Where(scope => !caller.Scopes.Contains(scope))];
        return missing.Length == 0
            ? new McpAccess(McpOutcome.Allowed) { Caller = caller, Rule = decision.Rule }
            : new McpAccess(McpOutcome.InsufficientScopes) { Caller = caller, Rule = decision.Rule, Needed = [.. NeededFor(target)], Missing = missing };
    }

    /// <summary>Whether somebody may still have anything of the server, for streams that outlast a decision.</summary>
    public async ValueTask<bool> MayStillReachAsync(VerifiedCaller caller, CancellationToken cancellationToken) =>
        policy.MayReach(await policy.CallerAsync(caller.Subject, caller.ClientId, cancellationToken), server.Name);

    /// <summary>What takes out of the server's lists what the caller may not have.</summary>
    /// <param name="caller">Who reads.</param>
    /// <param name="marks">Whether their revision knows <c>cacheScope</c>.</param>
    /// <param name="cancellationToken">Ends the wait when the caller has gone.</param>
    public async ValueTask<ListFilter> FilterForAsync(VerifiedCaller? caller, bool marks, CancellationToken cancellationToken)
    {
        var who = caller is null ? null : await policy.CallerAsync(caller.Subject, caller.ClientId, cancellationToken);
        IReadOnlySet<string> held = FrozenSet<string>.Empty;
        return new ListFilter(
            (kind, entry) => who is not null && ListFilter.NameOf(kind, entry)! is var name && !(kind == PolicyTargetKind.Tool && held.Contains(name)) && IsShown(who, caller!, new PolicyTarget(kind, name)),
            tools => held = catalogue.Learn(server.Name, server.Options.Review, tools),
            marks,
            server.Options.MaxAnswerBytes);
    }

    // What a person may still obtain by a step-up is shown, or their client would never ask for it.
    private bool IsShown(PolicyCaller who, VerifiedCaller caller, PolicyTarget target)
    {
        target = Describe(target);
        var decision = policy.Decide(who, server.Name, target);
        return decision.Effect != PolicyEffect.Deny && !IsHeld(target) &&
            (target.Kind != PolicyTargetKind.Tool || IsLeft(caller, target.Name, decision)) &&
            (policy.ScopesAt(who, server.Name) is not { } obtainable || NeededFor(target).All(scope => caller.Scopes.Contains(scope) || obtainable.Contains(scope)));
    }

    // A tool that is asked for by name is the client's only where its person has said so by name.
    private static bool IsLeft(VerifiedCaller caller, string tool, PolicyDecision decision) =>
        caller.MayUse(tool) && (decision.Effect != PolicyEffect.Ask || caller.Tools is not null);

    private bool IsHeld(PolicyTarget target) => target.Kind == PolicyTargetKind.Tool && catalogue.IsHeld(server.Name, server.Options.Review, target.Name);

    private IReadOnlyList<string> NeededFor(PolicyTarget target) => target.Kind == PolicyTargetKind.Tool ? server.ScopesOf(target.Name) : [];

    // Null: about the server as a whole.
    private PolicyTarget? TargetOf(McpCall call) => call.Method switch
    {
        McpMethods.ToolsCall => Describe(new PolicyTarget(PolicyTargetKind.Tool, call.Tool ?? "")),
        McpMethods.PromptsGet => new PolicyTarget(PolicyTargetKind.Prompt, call.Name ?? ""),
        McpMethods.ResourcesRead or McpMethods.ResourcesSubscribe or McpMethods.ResourcesUnsubscribe => new PolicyTarget(PolicyTargetKind.Resource, call.Name ?? ""),
        McpMethods.Complete => new PolicyTarget(call.IsAboutPrompt ? PolicyTargetKind.Prompt : PolicyTargetKind.Resource, call.Reference ?? ""),
        _ => null,
    };

    private PolicyTarget Describe(PolicyTarget target) => target.Kind == PolicyTargetKind.Tool && catalogue.Find(server.Name, target.Name, server.Options.Review) is { } known
        ? target with { ReadOnly = known.ReadOnly, Destructive = known.Destructive }
        : target;
}
