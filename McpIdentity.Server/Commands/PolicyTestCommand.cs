using System.CommandLine;
using McpIdentity.Migrations;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Federation;
using McpIdentity.Server.Policy;
using McpIdentity.Server.Sessions;
using Microsoft.EntityFrameworkCore;

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
        var verb = CommandLine.StorageVerb(
            "test", "Says whether somebody may do something, by which rule, and in which groups they are.", "policy test --user anna@example.com --server github --tool create_issue", RunAsync);
        foreach (var option in (Option[])[User, Client, Server, Tool, Resource, Prompt, ReadOnly, Destructive, PolicyProposal.File, PolicyProposal.Replaces, Table.Output])
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

    /// <summary>A person by what an operator calls them; one who has never signed in by their address alone.</summary>
    /// <returns>Null where nobody is meant, which has been said.</returns>
    public static async Task<VouchedPerson?> PersonAsync(IServiceProvider services, string wanted, CancellationToken cancellationToken)
    {
        var found = await ByName.UsersAsync(services.GetRequiredService<McpIdentityDbContext>(), wanted, cancellationToken);
        if (found.Count == 0 && wanted.Contains('@'))
        {
            var trusted = services.GetRequiredService<TrustedProviders>();
            await Console.Error.WriteLineAsync($"{CommandLine.Printable(wanted)} has never signed in: judged by the address alone, and by no group of a provider.");
            return new VouchedPerson(null, services.GetRequiredService<SignInProviders>().All.Select(provider => provider.Id).Append(DemoProvider.Name).FirstOrDefault(trusted.Include), wanted, true);
        }

        return Of(ByName.OnlyUser(found, wanted));
    }

    public static VouchedPerson Of(User user) => new(user.Id, user.Provider, user.Email, user.EmailVerified) { Groups = SaidGroups.Parse(user.Groups) };

    private static async Task<int> RunAsync(ParseResult parsed, IServiceProvider services, CancellationToken cancellationToken)
    {
        var inForce = await PolicyProposal.InForceAsync(services, cancellationToken);
        if (await PolicyProposal.PolicyAsync(parsed, inForce) is not { } policy)
        {
            return 1;
        }

        var person = parsed.GetValue(User) is { } wanted ? await PersonAsync(services, wanted, cancellationToken) : null;
        if (person is null && parsed.GetValue(User) is not null)
        {
            return 1;
        }

        var clientId = parsed.GetValue(Client) is { } client ? await ClientIdAsync(services, client, cancellationToken) : null;
        var server = parsed.GetRequiredValue(Server);
        var target = parsed.GetValue(Resource) is { } resource ? new PolicyTarget(PolicyTargetKind.Resource, resource)
            : parsed.GetValue(Prompt) is { } prompt ? new PolicyTarget(PolicyTargetKind.Prompt, prompt)
            : await ToolAsync(parsed, services, server, cancellationToken);
        var answer = services.GetRequiredService<PolicyDryRun>().Ask(policy, person, clientId, server, target);
        await WriteAsync(parsed, answer, parsed.GetValue(User) ?? $"the client {clientId}", clientId, server, target);
        return 0;
    }

    // Whoever says one of the two says what there is to say of the tool; else it is what the catalogue knows.
    private static async Task<PolicyTarget> ToolAsync(ParseResult parsed, IServiceProvider services, string server, CancellationToken cancellationToken)
    {
        var tool = new PolicyTarget(PolicyTargetKind.Tool, parsed.GetRequiredValue(Tool)) { ReadOnly = parsed.GetValue(ReadOnly), Destructive = parsed.GetValue(Destructive) };
        return tool is { ReadOnly: null, Destructive: null }
            ? (await KnownTools.ReadAsync(services, cancellationToken))[server].FirstOrDefault(known => known.Name == tool.Name) ?? tool
            : tool;
    }

    // One that is registered under that name, or the id as it stands: it may come some day.
    private static async Task<string> ClientIdAsync(IServiceProvider services, string wanted, CancellationToken cancellationToken)
    {
        var db = services.GetRequiredService<McpIdentityDbContext>();
        var ids = await db.Clients.Where(client => client.ClientId == wanted || client.DisplayName == wanted).Select(client => client.ClientId!).Take(2).ToListAsync(cancellationToken);
        return ids is [var only] ? only : wanted;
    }

    private static async Task WriteAsync(ParseResult parsed, PolicyAnswer answer, string who, string? clientId, string server, PolicyTarget target)
    {
        var effect = answer.Decision.Effect.ToString().ToLowerInvariant();
        var rule = answer.Rule is null ? null : PolicyText.Of(answer.Rule);
        string[] groups = [.. answer.Groups.GroupBy(group => group.Group, StringComparer.OrdinalIgnoreCase).Select(group => $"{group.Key} ({string.Join(", ", group.Select(entry => entry.Because))})").Order()];
        if (parsed.GetValue(Table.Output) == "json")
        {
            await Table.WriteAsync(parsed, [answer],
                new("effect", _ => effect), new("rule", one => one.Decision.Rule), new("says", _ => rule), new("subject", one => one.Caller.Subject), new("client_id", _ => clientId),
                new("server", _ => server), new("kind", _ => target.Kind.ToString().ToLowerInvariant()), new("name", _ => target.Name), new("read_only", _ => target.ReadOnly), new("destructive", _ => target.Destructive),
                new("groups", one => one.Groups.Select(group => group.Group).Distinct(StringComparer.OrdinalIgnoreCase).Order()), new("why", _ => groups),
                new("lacks_groups", one => one.Caller.LacksGroups), new("scopes", one => one.Scopes));
            return;
        }

        var words = answer.Decision.Effect switch
        {
            PolicyEffect.Allow => "allowed",
            PolicyEffect.Ask => "allowed when the person has agreed",
            _ => "not allowed",
        };
        var through = answer.Caller.IsService || clientId is null ? "" : $" through {clientId}";
        Console.WriteLine(CommandLine.Printable($"{words}: {who}{through}, {target.Kind.ToString().ToLowerInvariant()} {target.Name} at {server}"));
        Console.WriteLine(CommandLine.Printable(rule is null
            ? target.IsAmbiguous ? "by no rule: an address that a server may read as another one (\".\", \"..\", encoded without need) is refused" : "by no rule: what none matches is refused"
            : $"by {answer.Decision.Rule}: {rule}"));
        if (target is { ReadOnly: not null } or { Destructive: not null })
        {
            Console.WriteLine($"the tool says: {string.Join(", ", Hints(target))}");
        }

        Console.WriteLine(CommandLine.Printable($"groups: {(groups.Length == 0 ? "none" : string.Join("; ", groups))}"));
        if (answer.Caller.LacksGroups)
        {
            Console.WriteLine("        and others that the provider did not say: a rule that denies by a group of its holds for them, and none that allows or asks");
        }

        Console.WriteLine(CommandLine.Printable($"scopes there: {(answer.Scopes is null ? "all" : answer.Scopes.Count == 0 ? "none" : string.Join(' ', answer.Scopes.Distinct()))}"));
    }

    private static IEnumerable<string> Hints(PolicyTarget target)
    {
        if (target.ReadOnly is { } readOnly)
        {
            yield return $"readOnlyHint {(readOnly ? "true" : "false")}";
        }

        if (target.Destructive is { } destructive)
        {
            yield return $"destructiveHint {(destructive ? "true" : "false")}";
        }
    }
}
