using System.CommandLine;
using McpIdentity.Server.Administration;
using McpIdentity.Server.Administration.Api;

namespace McpIdentity.Server.Commands;

/// <summary><c>policy diff</c>: what a proposed document has that the one in force has not, and what it would change for whom.</summary>
internal static class PolicyDiffCommand
{
    private static readonly Option<string[]> Users = new("--user") { Description = "Of these people only: identifier, e-mail address or name. Absent, of everybody who has signed in." };
    private static readonly Option<string[]> Servers = new("--server") { Description = "At these servers too, beside those that the rules name." };
    private static readonly Option<string[]> Tools = new("--tool") { Description = "For these tools too, beside those that the catalogue knows and the rules name." };
    private static readonly Option<string> File = new("--file") { Description = ProposedPolicy.File.Description, Required = true };

    public static Command Create() => CommandLine.AdminVerb("diff", "Says rule by rule what a proposed policy adds and removes, and what it would change for whom.", "policy diff --file proposed.json", RunAsync, server: RemoteOptions.At)
        .With(File).With(ProposedPolicy.Replaces).With(Users).With(Servers).With(Tools).With(Table.Output);

    private static async Task<int> RunAsync(ParseResult parsed, AdminAccess access)
    {
        var replaces = parsed.GetRequiredValue(ProposedPolicy.Replaces);
        var (document, isRead) = await ProposedPolicy.ReadAsync(parsed.GetRequiredValue(File), replaces);
        if (!isRead)
        {
            return ExitCode.Failed;
        }

        var (differences, problem) = await access.SendAsync<PolicyDifferences>("diff_policy", new DiffPolicy(document!.Value, replaces, parsed.GetValue(Users), parsed.GetValue(Servers), parsed.GetValue(Tools)));
        if (problem is not null)
        {
            return await Refusal.SayAsync(problem);
        }

        var rows = differences!.Changes;
        if (differences.SayLeftOut() is { } left)
        {
            await Console.Error.WriteLineAsync($"{left} --user shows those of a person.");
        }

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
}
