using System.Collections.Frozen;
using McpIdentity.Mcp.Credentials;
using McpIdentity.Mcp.Gate;
using McpIdentity.Server.Catalogue;
using McpIdentity.Server.Persistence;
using McpIdentity.Server.Policy;
using McpIdentity.Server.Settings;

namespace McpIdentity.Server.Gateway;

/// <summary>
/// Who may do what at one server behind this one: our own token for it, what the person left to the client, the policy, and the
/// scopes. Lists show what a call would be allowed, or would be after a step-up.
/// </summary>
internal sealed class FrontedRules(FrontedServer server, PolicyDecisions policy, ToolCatalogue catalogue) : IAccessRules
{
    private static readonly FrozenSet<string> General =
        FrozenSet.Create(StringComparer.Ordinal, [McpMethods.Initialize, "server/discover", "ping", "logging/setLevel", McpMethods.Listen, HttpMethods.Get, HttpMethods.Delete, .. McpMethods.Lists]);

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

        if (IsNameless(call))
        {
            return new McpAccess(McpOutcome.WrongParameters) { Caller = caller };
        }

        // Each as resources/subscribe would be: who asks for several gets all, or is refused.
        foreach (var resource in call.Subscriptions!)
        {
            if (policy.Decide(who, server.Name, new PolicyTarget(PolicyTargetKind.Resource, resource)) is { Effect: PolicyEffect.Deny } refusal)
            {
                return new McpAccess(McpOutcome.PolicyDenied) { Caller = caller, Rule = refusal.Rule };
            }
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
        return missing.Length == 0 ? new McpAccess(McpOutcome.Allowed) { Caller = caller, Rule = decision.Rule }
            // A client that asked for a scope that no rule grants would get the same answer again, and again.
            : missing.Any(scope => !MayObtain(who, scope)) ? new McpAccess(McpOutcome.PolicyDenied) { Caller = caller, Rule = $"no rule grants {string.Join(' ', missing)}" }
            : new McpAccess(McpOutcome.InsufficientScopes) { Caller = caller, Rule = decision.Rule, Needed = [.. NeededFor(target)], Missing = missing };
    }

    /// <summary>Whether somebody may still have anything of the server, for streams that outlast a decision.</summary>
    public async ValueTask<bool> MayStillReachAsync(VerifiedCaller caller, CancellationToken cancellationToken) =>
        await WhoAsync(caller, cancellationToken) is not { } who || policy.MayReach(who, server.Name);

    /// <summary>What takes out of the server's lists, and of its events, what the caller may not have.</summary>
    /// <param name="caller">Who reads.</param>
    /// <param name="marks">Whether their revision knows <c>cacheScope</c>.</param>
    /// <param name="cancellationToken">Ends the wait when the caller has gone.</param>
    /// <param name="isOurs">Whether the list is one of ours, of what is known: from it there is nothing to learn.</param>
    public async ValueTask<ListFilter> FilterForAsync(VerifiedCaller caller, bool marks, CancellationToken cancellationToken, bool isOurs = false)
    {
        var who = await policy.CallerAsync(caller.Subject, caller.ClientId, cancellationToken);
        IReadOnlySet<string> held = FrozenSet<string>.Empty;
        return new ListFilter(
            (kind, entry) => ListFilter.NameOf(kind, entry)! is var name && !(kind == PolicyTargetKind.Tool && held.Contains(name)) && IsShown(who, caller, new PolicyTarget(kind, name)),
            tools => held = isOurs ? held : catalogue.Learn(server.Name, server.Options.Review, tools),
            marks)
        {
            Renew = async cancel => who = await WhoAsync(caller, cancel) ?? who,
        };
    }

    // Null: the database is away, and what was known last holds, as for the token.
    private async ValueTask<PolicyCaller?> WhoAsync(VerifiedCaller caller, CancellationToken cancellationToken)
    {
        try
        {
            return await policy.CallerAsync(caller.Subject, caller.ClientId, cancellationToken);
        }
        catch (Exception exception) when (StorageFaults.IsOne(exception))
        {
            return null;
        }
    }

    // What a person may still obtain by a step-up is shown, or their client would never ask for it.
    private bool IsShown(PolicyCaller who, VerifiedCaller caller, PolicyTarget target)
    {
        target = Describe(target);
        var decision = policy.Decide(who, server.Name, target);
        return decision.Effect != PolicyEffect.Deny && !IsHeld(target) &&
            (target.Kind != PolicyTargetKind.Tool || IsLeft(caller, target.Name, decision)) &&
            NeededFor(target).All(scope => caller.Scopes.Contains(scope) || MayObtain(who, scope));
    }

    // A tool that is asked for by name is the client's only where its person has said so by name.
    private static bool IsLeft(VerifiedCaller caller, string tool, PolicyDecision decision) =>
        caller.MayUse(tool) && (decision.Effect != PolicyEffect.Ask || caller.Tools is not null);

    private bool IsHeld(PolicyTarget target) => target.Kind == PolicyTargetKind.Tool && catalogue.IsHeld(server.Name, server.Options.Review, target.Name);

    private IReadOnlyList<string> NeededFor(PolicyTarget target) => target.Kind == PolicyTargetKind.Tool ? server.ScopesOf(target.Name) : [];

    private bool MayObtain(PolicyCaller who, string scope) => policy.ScopesAt(who, server.Name) is not { } obtainable || obtainable.Contains(scope);

    // What cannot be read here may be read by a server all the same, as a list for a text is by some.
    private static bool IsNameless(McpCall call) => call.Method switch
    {
        McpMethods.ToolsCall or McpMethods.PromptsGet or McpMethods.ResourcesRead => string.IsNullOrEmpty(call.Name),
        McpMethods.Complete => string.IsNullOrEmpty(call.Reference),
        McpMethods.Listen => call.Subscriptions is null,
        _ => false,
    };

    /// <summary>Whether a call is of the tool by which a person is asked to connect their account, which is ours and not the server's (<see cref="Unconnected"/>).</summary>
    public bool IsOurs(McpCall call) =>
        call.Tool == Unconnected.Tool && server.Options.Upstream.Auth == UpstreamAuth.OAuth && catalogue.Known(server.Name, Unconnected.Tool) is null;

    // Null: about the server as a whole, and nothing of it is done or said by it alone.
    private PolicyTarget? TargetOf(McpCall call) => call.Method switch
    {
        McpMethods.ToolsCall when IsOurs(call) => null,
        McpMethods.ToolsCall => Describe(new PolicyTarget(PolicyTargetKind.Tool, call.Tool ?? "")),
        McpMethods.PromptsGet => new PolicyTarget(PolicyTargetKind.Prompt, call.Name ?? ""),
        // Without an address they are for the server to refuse, which has not had them since 2026-07-28 (404).
        McpMethods.ResourcesSubscribe or McpMethods.ResourcesUnsubscribe when string.IsNullOrEmpty(call.Name) => new PolicyTarget(PolicyTargetKind.Other, call.Method),
        McpMethods.ResourcesRead or McpMethods.ResourcesSubscribe or McpMethods.ResourcesUnsubscribe => new PolicyTarget(PolicyTargetKind.Resource, call.Name ?? ""),
        McpMethods.Complete => new PolicyTarget(call.IsAboutPrompt ? PolicyTargetKind.Prompt : PolicyTargetKind.Resource, call.Reference ?? ""),
        null => null, // the answer to what the server has asked
        _ when General.Contains(call.Method) || call.Method.StartsWith("notifications/", StringComparison.Ordinal) => null,
        // Tasks, extensions, and what revisions to come bring: for a rule that speaks of everything.
        _ => new PolicyTarget(PolicyTargetKind.Other, call.Method),
    };

    private PolicyTarget Describe(PolicyTarget target) => target.Kind == PolicyTargetKind.Tool && catalogue.Find(server.Name, target.Name, server.Options.Review) is { } known
        ? target with { ReadOnly = known.ReadOnly, Destructive = known.Destructive }
        : target;
}
