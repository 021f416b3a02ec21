using System.CommandLine;
using McpIdentity.Migrations;
using McpIdentity.Server.Federation;
using McpIdentity.Server.Policy;
using Microsoft.EntityFrameworkCore;

namespace McpIdentity.Server.Commands;

/// <summary><c>policy diff</c>: what a proposed document has that the one in force has not, and what it would change for whom.</summary>
internal static class PolicyDiffCommand
{
    private static readonly Option<string[]> Users = new("--user") { Description = "Of these people only: identifier, e-mail address or name. Absent, of everybody who has signed in." };
    private static readonly Option<string[]> Servers = new("--server") { Description = "At these servers too, beside those that the rules name." };
    private static readonly Option<string[]> Tools = new("--tool") { Description = "For these tools too, beside those that the catalogue knows and the rules name." };
    private static readonly Option<string> File = new("--file") { Description = PolicyProposal.File.Description, Required = true };

    public static Command Create() => CommandLine.StorageVerb("diff", "Says rule by rule what a proposed policy adds and removes, and what it would change for whom.", "policy diff --file proposed.json", RunAsync)
        .With(File).With(PolicyProposal.Replaces).With(Users).With(Servers).With(Tools).With(Table.Output);

    private static async Task<int> RunAsync(ParseResult parsed, IServiceProvider services, CancellationToken cancellationToken)
    {
        var inForce = await PolicyProposal.InForceAsync(services, cancellationToken);
        if (await PolicyProposal.ReadAsync(parsed.GetRequiredValue(File), PolicyProposal.IsFile(parsed), inForce) is not { } proposal ||
            await PeopleAsync(services, parsed.GetValue(Users) ?? [], cancellationToken) is not { } people)
        {
            return 1;
        }

        PolicySet[] both = [inForce.Current, proposal.Policy];
        var callers = people.SelectMany(person => PolicySamples.Clients(both).Select(client => new PolicySample(person.Name, person.Person, client)))
            .Concat(PolicySamples.Services(both).Select(client => new PolicySample($"service {client}", null, client)));
        var changes = services.GetRequiredService<PolicyDryRun>().Compare(
            both[0], both[1], callers, [.. inForce.Servers, .. parsed.GetValue(Servers) ?? []], await KnownTools.ReadAsync(services, cancellationToken), parsed.GetValue(Tools) ?? []);
        var rows = PolicyTextDiff.Of(proposal.Replaced, proposal.Proposed).Select(change => new Row(change.Change, change.Place, change.Text, null, null, null, null, null))
            .Concat(changes.Select(change => new Row(
                "decision", change.After.Rule, null, change.Who.Name, change.Who.ClientId, change.Server,
                $"{(change.Target.Kind == PolicyTargetKind.Tool ? "" : change.Target.Kind.ToString().ToLowerInvariant() + ":")}{change.Target.Name}",
                $"{change.Before.Effect} -> {change.After.Effect}".ToLowerInvariant()))).ToList();
        if (parsed.GetValue(Table.Output) == "json")
        {
            await Table.WriteAsync(parsed, rows,
                new("change", row => row.Change), new("place", row => row.Place), new("says", row => row.Says), new("user", row => row.User), new("client", row => row.Client),
                new("server", row => row.Server), new("what", row => row.What), new("effect", row => row.Effect));
            return 0;
        }

        foreach (var row in rows.Where(row => row.User is null))
        {
            Console.WriteLine(CommandLine.Printable($"{row.Change}: {row.Place}: {row.Says}"));
        }

        Console.WriteLine();
        await Table.WriteAsync(parsed, rows.Where(row => row.User is not null).ToList(),
            new("user", row => row.User), new("client", row => row.Client), new("server", row => row.Server), new("what", row => row.What), new("change", row => row.Effect), new("by", row => row.Place));
        return 0;
    }

    private static async Task<List<(string Name, VouchedPerson Person)>?> PeopleAsync(IServiceProvider services, string[] wanted, CancellationToken cancellationToken)
    {
        if (wanted.Length == 0)
        {
            var users = await services.GetRequiredService<McpIdentityDbContext>().Users.AsNoTracking().OrderBy(user => user.Id).ToListAsync(cancellationToken);
            return [.. users.Select(user => (user.Email ?? user.Name ?? user.Id, PolicyTestCommand.Of(user)))];
        }

        var people = new List<(string, VouchedPerson)>();
        foreach (var name in wanted)
        {
            if (await PolicyTestCommand.PersonAsync(services, name, cancellationToken) is not { } person)
            {
                return null;
            }

            people.Add((name, person));
        }

        return people;
    }

    private sealed record Row(string Change, string Place, string? Says, string? User, string? Client, string? Server, string? What, string? Effect);
}
