using System.CommandLine;
using McpIdentity.Server.Administration;

namespace McpIdentity.Server.Commands;

/// <summary><c>servers list|show|remove</c>: the MCP servers behind this one, while servers serve; <c>servers add</c> and <c>servers test</c> are beside it.</summary>
internal static class ServersCommand
{
    /// <summary>Which one, of every verb for one.</summary>
    public static Argument<string> Which { get; } = new("name") { Description = "The server's name, as list shows it." };

    public static Command Create() => new("servers", "The MCP servers behind this one.")
    {
        CommandLine.StorageVerb("list", "Lists the MCP servers behind this one: those of the configuration, and those that were added.", "servers list", ListAsync).With(Table.Output),
        ForOne("show", "Shows one server, without its secrets.", "servers show notes", ShowAsync).With(Table.Output),
        AddServerCommand.Create(),
        TestServerCommand.Create(),
        ForOne("remove", "Takes a server away that was added, with what is known of its tools.", "servers remove notes --yes", RemoveAsync).With(Confirmation.Yes).With(Table.Output),
    };

    private static Command ForOne(string name, string description, string example, Func<ParseResult, IServiceProvider, string, CancellationToken, Task<int>> run)
    {
        var verb = CommandLine.StorageVerb(name, description, example, (parsed, services, cancellationToken) => run(parsed, services, parsed.GetRequiredValue(Which), cancellationToken));
        verb.Arguments.Add(Which);
        return verb;
    }

    private static async Task<int> ListAsync(ParseResult parsed, IServiceProvider services, CancellationToken cancellationToken)
    {
        var servers = await services.GetRequiredService<ServerActs>().ListAsync(Slice.All, cancellationToken);
        await Table.WriteAsync(parsed, servers.Items,
            new("name", server => server.Name), new("url", server => server.Url), new("path", server => server.Path), new("auth", server => server.Auth), new("from", server => server.From),
            new("tools", server => server.Tools), new("held", server => server.Held), new("answers", server => server.WasAsked ? server.Answers : null), new("asked", server => server.AskedAt),
            new("problem", server => server.Problem));
        return 0;
    }

    private static async Task<int> ShowAsync(ParseResult parsed, IServiceProvider services, string name, CancellationToken cancellationToken)
    {
        var (server, problem) = await services.GetRequiredService<ServerActs>().FindAsync(name, cancellationToken);
        if (problem is not null)
        {
            return await Refusal.SayAsync(problem);
        }

        (string Name, object? Value)[] all =
        [
            ("name", server!.Name), ("display name", server.DisplayName), ("url", server.Url), ("path", server.Path), ("from", server.From), ("not served", server.NotServed),
            ("scopes", Pairs(server.Scopes)), ("default scopes", server.DefaultScopes.ToArray()), ("scopes of tools", Pairs(server.ToolScopes)), ("review", server.Review), ("auth", server.Auth),
            ("header", server.Header), ("value", server.Value), ("audience", server.Audience), ("issuer", server.Issuer), ("client id", server.ClientId),
            ("client secret", server.HasClientSecret ? "is set" : null), ("asks for", server.AsksFor), ("resource", server.AsksForResource), ("parameters", Pairs(server.Parameters)),
            ("networks", server.Networks.ToArray()), ("registered", server.Registered.ToArray()), ("timeout", server.Timeout), ("added", server.AddedAt), ("changed", server.ChangedAt), ("by", server.ChangedBy),
            ("asked", server.AskedAt), ("answered", server.AnsweredAt), ("problem", server.Problem),
        ];
        if (Table.IsJson(parsed))
        {
            await Table.WriteAsync(parsed, [all], [.. all.Select((member, i) => new Table.Column<(string Name, object? Value)[]>(member.Name, members => members[i].Value))]);
            return ExitCode.Ok;
        }

        foreach (var (heading, value) in all.Where(member => member.Value is not null and not string[] { Length: 0 }))
        {
            Console.WriteLine($"{heading,-15} {CommandLine.Printable(value switch { DateTimeOffset moment => CommandLine.Moment(moment), string[] words => string.Join(", ", words), _ => value!.ToString() })}");
        }

        return 0;
    }

    private static async Task<int> RemoveAsync(ParseResult parsed, IServiceProvider services, string name, CancellationToken cancellationToken)
    {
        var servers = services.GetRequiredService<ServerActs>();
        var (server, unknown) = await servers.FindAsync(name, cancellationToken);
        if (unknown is null && await servers.IsStoredAsync(server!.Name, cancellationToken) && !await Confirmation.AskAsync(parsed, $"{server.Name} will be served no more, and what was reviewed of its tools forgotten."))
        {
            return ExitCode.Usage;
        }

        var (removed, problem) = await servers.RemoveAsync(Operator.OfThisMachine, name, cancellationToken);
        if (problem is not null)
        {
            return await Refusal.SayAsync(problem);
        }

        return await Table.WriteDoneAsync(parsed, removed, "removed", $"removed: {removed}");
    }

    private static string[] Pairs(IReadOnlyDictionary<string, string> pairs) => [.. pairs.Select(pair => $"{pair.Key}={pair.Value}").Order(StringComparer.Ordinal)];
}
