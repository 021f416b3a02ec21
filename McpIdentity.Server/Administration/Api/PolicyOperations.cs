using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Text;
using System.Text.Json;

namespace McpIdentity.Server.Administration.Api;

/// <summary>A policy that is to be in force.</summary>
/// <param name="Document">Groups and rules (docs/policy.md).</param>
/// <param name="Note">Why.</param>
internal sealed record ApplyPolicy(JsonElement Document, [property: StringLength(400)] string? Note = null) : IAdminBody<ApplyPolicy>
{
    public static ApplyPolicy Example => new(JsonElement.Parse("""{ "Rules": [ { "Servers": "notes", "Effect": "allow" } ] }"""), "the first");
}

/// <summary>A policy that is looked at.</summary>
/// <param name="Document">One that is only proposed; absent: the one in force.</param>
/// <param name="Replaces">What it would take the place of: the one that was applied (stored), or that of Policy:File (file).</param>
internal sealed record CheckPolicy(JsonElement? Document = null, [property: AllowedValues("stored", "file")] string Replaces = "stored") : IAdminBody<CheckPolicy>
{
    public static CheckPolicy Example => new();
}

/// <summary>A policy that is compared with the one in force.</summary>
/// <param name="Document">What is proposed.</param>
/// <param name="Replaces">What it would take the place of: stored or file.</param>
/// <param name="Users">Of these people only; absent: of everybody who has signed in.</param>
/// <param name="Servers">At these servers too.</param>
/// <param name="Tools">For these tools too.</param>
internal sealed record DiffPolicy(
    JsonElement Document, [property: AllowedValues("stored", "file")] string Replaces = "stored", [property: MaxLength(100)] IReadOnlyList<string>? Users = null, [property: MaxLength(100)] IReadOnlyList<string>? Servers = null,
    [property: MaxLength(100)] IReadOnlyList<string>? Tools = null) : IAdminBody<DiffPolicy>
{
    public static DiffPolicy Example => new(ApplyPolicy.Example.Document);
}

/// <summary>Whether somebody may do something. One of tool, resource and prompt; a user, a client, or both.</summary>
/// <param name="Server">At which server behind this one: its name.</param>
/// <param name="User">Who: identifier, e-mail address or name. An address of nobody who has signed in is taken as it stands.</param>
/// <param name="Client">Through which client: client_id or name.</param>
/// <param name="Tool">Which tool.</param>
/// <param name="Resource">The address of which resource.</param>
/// <param name="Prompt">Which prompt.</param>
/// <param name="ReadOnly">What the tool says of itself; with neither, what the catalogue knows.</param>
/// <param name="Destructive">What the tool says of itself.</param>
/// <param name="Document">By a policy that is only proposed; absent: by the one in force.</param>
/// <param name="Replaces">What that would take the place of: stored or file.</param>
internal sealed record AskPolicy(
    string Server, string? User = null, string? Client = null, string? Tool = null, string? Resource = null, string? Prompt = null, bool? ReadOnly = null, bool? Destructive = null, JsonElement? Document = null,
    [property: AllowedValues("stored", "file")] string Replaces = "stored") : IAdminBody<AskPolicy>
{
    public static AskPolicy Example => new("notes", User: "anna@example.com", Tool: "delete_note");
}

/// <summary>A version that was put in force.</summary>
/// <param name="Version">The version.</param>
/// <param name="Warnings">What is odd about the policy now.</param>
internal sealed record AppliedPolicy(PolicyVersionView Version, IReadOnlyList<string> Warnings);

/// <summary>Who may do what at the servers behind this one.</summary>
internal static class PolicyOperations
{
    public static void Add(AdminApi api)
    {
        api.Get<PolicyView>("/policy", "get_policy", AdminRight.Read, "The rules and groups in force, in their order.", async call => await call.Get<PolicyActs>().ShowAsync(call.Cancelled));
        api.List<PolicyVersionView>("/policy/versions", "list_policy_versions", AdminRight.Read, "Lists what was applied, the one in force first.", async call => await call.Get<PolicyActs>().VersionsAsync(call.Slice, call.Cancelled));
        api.Get<PolicyVersionView>("/policy/versions/{version}", "get_policy_version", AdminRight.Read, "A version with its document, as it was applied.",
            async call => NumberOf(call) is { } number ? await call.Get<PolicyActs>().FindVersionAsync(number, call.Cancelled) : NoVersion(call));
        api.Ask<CheckPolicy, PolicyCheckView>("/policy/check", "check_policy", AdminRight.Read, "Says what is wrong with the policy in force or a proposed one, and what is odd.",
            (call, body) => call.Get<PolicyActs>().CheckAsync(ProposalOf(body.Document, body.Replaces), call.Cancelled));
        api.Ask<DiffPolicy, PolicyDifferences>("/policy/diff", "diff_policy", AdminRight.Read, "Says rule by rule what a proposed policy adds and removes, and what it would change for whom.",
            (call, body) => call.Get<PolicyDiffActs>().DiffAsync(ProposalOf(body.Document, body.Replaces)!, body.Users ?? [], body.Servers ?? [], body.Tools ?? [], PolicyDiffActs.MaxChanges, call.Cancelled));
        api.Ask<AskPolicy, PolicyTestView>("/policy/test", "test_policy", AdminRight.Read, "Says whether somebody may do something, by which rule, and in which groups they are.", (call, body) => call.Get<PolicyActs>().TestAsync(
            new PolicyQuestion(body.Server) { User = body.User, Client = body.Client, Tool = body.Tool, Resource = body.Resource, Prompt = body.Prompt, ReadOnly = body.ReadOnly, Destructive = body.Destructive },
            ProposalOf(body.Document, body.Replaces), call.Cancelled));
        api.Create<ApplyPolicy, AppliedPolicy>("/policy/versions", "apply_policy", AdminRight.WritePolicy, "Puts a policy in force, on every node within seconds.",
            async (call, body) => Applied(await call.Get<PolicyActs>().ApplyAsync(call.By, Encoding.UTF8.GetBytes(body.Document.GetRawText()), body.Note, call.Cancelled)), LocationOf);
        api.Act<AppliedPolicy>("/policy/versions/{version}/apply", "roll_back_policy", AdminRight.WritePolicy, "Applies an earlier version again, as a new one.",
            async call => NumberOf(call) is { } number ? Applied(await call.Get<PolicyActs>().RollbackAsync(call.By, number, call.Cancelled)) : NoVersion(call));
    }

    private static PolicyProposal? ProposalOf(JsonElement? document, string replaces) =>
        document is { ValueKind: not (JsonValueKind.Undefined or JsonValueKind.Null) } said ? new PolicyProposal(Encoding.UTF8.GetBytes(said.GetRawText()), replaces == "file") : null;

    private static Outcome<AppliedPolicy> Applied(Outcome<(PolicyVersionView Version, IReadOnlyList<string> Warnings)> outcome) =>
        outcome.Problem is { } problem ? problem : new AppliedPolicy(outcome.Value.Version, outcome.Value.Warnings);

    private static string LocationOf(AppliedPolicy applied) => $"/policy/versions/{applied.Version.Version.ToString(CultureInfo.InvariantCulture)}";

    private static long? NumberOf(AdminCall call) => long.TryParse(call["version"], NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : null;

    private static AdminProblem NoVersion(AdminCall call) => AdminProblem.NotFound("policy_version", call["version"]);
}
