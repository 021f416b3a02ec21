using System.CommandLine;
using McpIdentity.Server.Administration;
using McpIdentity.Server.Administration.Api;

namespace McpIdentity.Server.Commands;

/// <summary><c>policy test</c>: whether somebody may do something, by which rule, and why they are in its groups.</summary>
internal static class PolicyTestCommand
{
    private static readonly Option<string> User = new("--user") { Description = "Who: the identifier, e-mail address or name that 'users list' shows. An address of nobody who has signed in is taken as it stands. Absent, the client speaks for itself." };
    private static readonly Option<string> Client = new("--client") { Description = "Through which client: its id or its name." };
    private static readonly Option<string> Server = new("--server") { Description = "At which fronted server: its name.", Required = true };
    private static readonly Option<string> Tool = new("--tool") { Description = "Which tool." };
    private static readonly Option<string> Resource = new("--resource") { Description = "The address of which resource." };
    private static readonly Option<string> Prompt = new("--prompt") { Description = "Which prompt." };
    private static readonly Option<bool?> ReadOnly = new("--read-only") { Description = "What the tool says of itself (readOnlyHint): true or false. Without this and --destructive, what the catalogue knows." };
    private static readonly Option<bool?> Destructive = new("--destructive") { Description = "What the tool says of itself (destructiveHint): true or false." };

    public static Command Create()
    {
        var verb = CommandLine.AdminVerb(
            "test", "Says whether somebody may do something, by which rule, and in which groups they are.", "policy test --user anna@example.com --server github --tool create_issue", RunAsync, server: RemoteOptions.At);
        foreach (var option in (Option[])[User, Client, Server, Tool, Resource, Prompt, ReadOnly, Destructive, ProposedPolicy.File, ProposedPolicy.Replaces, Table.Output])
        {
            verb.Options.Add(option);
        }

        verb.Validators.Add(asked =>
        {
            if (((Option[])[Tool, Resource, Prompt]).Count(option => asked.GetResult(option) is not null) != 1)
            {
                asked.AddError("Name one of --tool, --resource and --prompt.");
            }

            if (asked.GetResult(User) is null && asked.GetResult(Client) is null)
            {
                asked.AddError("Name --user, --client, or both.");
            }
        });
        return verb;
    }

    private static async Task<int> RunAsync(ParseResult parsed, AdminAccess access)
    {
        var replaces = parsed.GetRequiredValue(ProposedPolicy.Replaces);
        var (document, isRead) = await ProposedPolicy.ReadAsync(parsed.GetValue(ProposedPolicy.File), replaces);
        if (!isRead)
        {
            return ExitCode.Failed;
        }

        var question = new AskPolicy(
            parsed.GetRequiredValue(Server), parsed.GetValue(User), parsed.GetValue(Client), parsed.GetValue(Tool), parsed.GetValue(Resource), parsed.GetValue(Prompt), parsed.GetValue(ReadOnly), parsed.GetValue(Destructive),
            document, replaces);
        var (answer, problem) = await access.SendAsync<PolicyTestView>("test_policy", question);
        if (problem is not null)
        {
            return await Refusal.SayAsync(problem);
        }

        if (answer!.NeverSignedIn)
        {
            await Console.Error.WriteLineAsync($"{CommandLine.Printable(question.User)} has never signed in: judged by the address alone, and by no group of a provider.");
        }

        await WriteAsync(parsed, answer, question.User ?? $"the client {answer.ClientId}");
        return 0;
    }

    private static async Task WriteAsync(ParseResult parsed, PolicyTestView answer, string who)
    {
        if (parsed.GetValue(Table.Output) == "json")
        {
            await Table.WriteAsync(parsed, [answer],
                new("effect", one => one.Effect), new("rule", one => one.Rule), new("says", one => one.Says), new("subject", one => one.Subject), new("client_id", one => one.ClientId),
                new("server", one => one.Server), new("kind", one => one.Kind), new("name", one => one.Name), new("read_only", one => one.ReadOnly), new("destructive", one => one.Destructive),
                new("groups", one => one.Groups), new("why", one => one.Why), new("lacks_groups", one => one.LacksGroups), new("scopes", one => one.Scopes));
            return;
        }

        var words = answer.Effect switch
        {
            "allow" => "allowed",
            "ask" => "allowed when the person has agreed",
            _ => "not allowed",
        };
        var through = answer.IsService || answer.ClientId is null ? "" : $" through {answer.ClientId}";
        Console.WriteLine(CommandLine.Printable($"{words}: {who}{through}, {answer.Kind} {answer.Name} at {answer.Server}"));
        Console.WriteLine(CommandLine.Printable(answer.Says is null
            ? answer.IsAmbiguous ? "by no rule: an address that a server may read as another one (\".\", \"..\", encoded without need) is refused" : "by no rule: what none matches is refused"
            : $"by {answer.Rule}: {answer.Says}"));
        if (answer is { ReadOnly: not null } or { Destructive: not null })
        {
            Console.WriteLine($"the tool says: {string.Join(", ", Hints(answer))}");
        }

        Console.WriteLine(CommandLine.Printable($"groups: {(answer.Why.Count == 0 ? "none" : string.Join("; ", answer.Why))}"));
        if (answer.LacksGroups)
        {
            Console.WriteLine("        and others that the provider did not say: a rule that denies by a group of its holds for them, and none that allows or asks");
        }

        Console.WriteLine(CommandLine.Printable($"scopes there: {(answer.Scopes is null ? "all" : answer.Scopes.Count == 0 ? "none" : string.Join(' ', answer.Scopes.Distinct()))}"));
    }

    private static IEnumerable<string> Hints(PolicyTestView answer)
    {
        if (answer.ReadOnly is { } readOnly)
        {
            yield return $"readOnlyHint {(readOnly ? "true" : "false")}";
        }

        if (answer.Destructive is { } destructive)
        {
            yield return $"destructiveHint {(destructive ? "true" : "false")}";
        }
    }
}
