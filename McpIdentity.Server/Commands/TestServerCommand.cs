using System.CommandLine;
using McpIdentity.Server.Administration;
using McpIdentity.Server.Administration.Api;
using McpIdentity.Server.Gateway;
using McpIdentity.Server.Keys;
using McpIdentity.Server.Policy;

namespace McpIdentity.Server.Commands;

/// <summary><c>servers test</c>: connects to a server behind this one as the gateway would.</summary>
internal static class TestServerCommand
{
    private static readonly Option<string?> As = new("--as") { Description = "For whom: a person's identifier, e-mail address or name. With their JWT where the server gets one; and what policy gives them is said of each tool." };

    public static Command Create()
    {
        var verb = CommandLine.AdminVerb("test", "Connects to a server as the gateway would, and says what it answered.", "servers test notes --as anna@example.com", async (parsed, access) =>
        {
            var (test, problem) = await access.SendAsync<ServerTest>("test_server", new AskServer(parsed.GetValue(As)), ("server_name", parsed.GetRequiredValue(ServersCommand.Which)));
            return problem is null ? await WriteAsync(parsed, test!) : await Refusal.SayAsync(problem);
        }, prepare: PrepareAsync).With(As).With(Table.Output);
        verb.Arguments.Add(ServersCommand.Which);
        return verb;
    }

    // In that order: who it is says a JWT of ours, and what they may do the policy in force.
    private static async Task PrepareAsync(IServiceProvider services, CancellationToken cancellationToken)
    {
        await services.LoadKeysAsync(cancellationToken);
        await services.LoadStoredServersAsync(cancellationToken);
        await services.LoadPolicyAsync(cancellationToken);
    }

    private static async Task<int> WriteAsync(ParseResult parsed, ServerTest test)
    {
        if (!test.Answered)
        {
            await Console.Error.WriteLineAsync($"{test.Name} at {test.Url} did not do after {test.Milliseconds} ms: {CommandLine.Printable(test.Problem)}");
            return ExitCode.Failed;
        }

        if (!Table.IsJson(parsed))
        {
            Console.WriteLine($"{test.Name} at {test.Url} answered in {test.Milliseconds} ms: {CommandLine.Printable(test.Software)} {CommandLine.Printable(test.Version)}, MCP {CommandLine.Printable(test.Revision)}, {test.Tools.Count} tools.");
        }

        Table.Column<TestedTool>[] columns = [new("tool", tool => tool.Name), new("says", tool => tool.Says), new("title", tool => tool.Title)];
        await Table.WriteAsync(parsed, test.Tools, parsed.GetValue(As) is null ? columns : [.. columns, new("policy", tool => tool.Effect), new("by", tool => tool.Rule)]);
        return 0;
    }
}
