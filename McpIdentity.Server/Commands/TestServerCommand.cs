using System.CommandLine;
using System.Diagnostics;
using McpIdentity.Migrations;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Catalogue;
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
        var verb = CommandLine.StorageVerb("test", "Connects to a server as the gateway would, and says what it answered.", "servers test notes --as anna@example.com", async (parsed, services, cancellationToken) =>
        {
            User? person = null;
            if (parsed.GetValue(As) is { } who && (person = await ByName.UserAsync(services.GetRequiredService<McpIdentityDbContext>(), who, cancellationToken)) is null)
            {
                return 1;
            }

            return await FrontedServerName.FindAsync(services, parsed.GetRequiredValue(ServersCommand.Which), cancellationToken) is { } server
                ? await TestAsync(parsed, services, server, person, cancellationToken)
                : 1;
        }).With(As).With(Table.Output);
        verb.Arguments.Add(ServersCommand.Which);
        return verb;
    }

    private static async Task<int> TestAsync(ParseResult parsed, IServiceProvider services, FrontedServerName server, User? person, CancellationToken cancellationToken)
    {
        if (server.Options?.Url is null || (server.Problem is not null && server.From == FrontedServerName.Stored))
        {
            await Console.Error.WriteLineAsync($"{server.Name} is not served: {CommandLine.Printable(server.Problem)}");
            return 1;
        }

        // In that order: who it is says a JWT of ours, and what they may do the policy in force.
        await services.LoadKeysAsync(cancellationToken);
        await services.LoadStoredServersAsync(cancellationToken);
        await services.LoadPolicyAsync(cancellationToken);
        var fronted = new FrontedServer(server.Name, server.Options);
        var started = Stopwatch.GetTimestamp();
        try
        {
            var found = await services.GetRequiredService<UpstreamListing>().ReadAsync(fronted, person?.Id, cancellationToken);
            var took = (long)Stopwatch.GetElapsedTime(started).TotalMilliseconds;
            if (!Table.IsJson(parsed))
            {
                Console.WriteLine($"{server.Name} at {server.Url} answered in {took} ms: {CommandLine.Printable(found.Name)} {CommandLine.Printable(found.Version)}, MCP {CommandLine.Printable(found.Revision)}, {found.Tools.Count} tools.");
            }

            var caller = person is null ? null : await services.GetRequiredService<PolicyDecisions>().CallerAsync(person.Id, clientId: null, cancellationToken);
            await WriteToolsAsync(parsed, services, server, found, caller);
            return 0;
        }
        catch (UpstreamAnswerException exception)
        {
            await Console.Error.WriteLineAsync($"{server.Name} at {server.Url} did not do after {(long)Stopwatch.GetElapsedTime(started).TotalMilliseconds} ms: {CommandLine.Printable(exception.Message)}");
            return 1;
        }
    }

    private static async Task WriteToolsAsync(ParseResult parsed, IServiceProvider services, FrontedServerName server, UpstreamTools found, PolicyCaller? caller)
    {
        var policy = services.GetRequiredService<PolicyDecisions>();
        var tools = found.Tools.Select(tool => CatalogueTool.TryRead(tool, out var read) ? read : null).OfType<CatalogueTool>().ToList();
        Table.Column<CatalogueTool>[] columns = [new("tool", tool => tool.Name), new("says", ToolsCommand.Says), new("title", tool => tool.Title)];
        if (caller is null)
        {
            await Table.WriteAsync(parsed, tools, columns);
            return;
        }

        await Table.WriteAsync(parsed, tools, [.. columns, new("policy", tool => Decide(tool).Effect.ToString().ToLowerInvariant()), new("by", tool => Decide(tool).Rule)]);

        PolicyDecision Decide(CatalogueTool tool) => policy.Decide(caller, server.Name, new PolicyTarget(PolicyTargetKind.Tool, tool.Name) { ReadOnly = tool.ReadOnly, Destructive = tool.Destructive });
    }
}
