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
        CommandLine.AdminVerb("list", "Lists the MCP servers behind this one: those of the configuration, and those that were added.", "servers list", ListAsync).With(Table.Output),
        ForOne("show", "Shows one server, without its secrets.", "servers show notes", ShowAsync).With(Table.Output),
        AddServerCommand.Create(),
        TestServerCommand.Create(),
        ForOne("remove", "Takes a server away that was added, with what is known of its tools.", "servers remove notes --yes", RemoveAsync).With(Confirmation.Yes).With(Table.Output),
    };

    private static Command ForOne(string name, string description, string example, Func<ParseResult, AdminAccess, string, Task<int>> run)
    {
        var verb = CommandLine.AdminVerb(name, description, example, (parsed, access) => run(parsed, access, parsed.GetRequiredValue(Which)));
        verb.Arguments.Add(Which);
        return verb;
    }

    private static async Task<int> ListAsync(ParseResult parsed, AdminAccess access)
    {
        var (servers, problem) = await access.ListAsync<ServerView>("list_servers");
        if (problem is not null)
        {
            return await Refusal.SayAsync(problem);
        }

        await Table.WriteAsync(parsed, servers!,
            new("name", server => server.Name), new("url", server => server.Url), new("path", server => server.Path), new("auth", server => server.Auth), new("from", server => server.From),
            new("tools", server => server.Tools), new("held", server => server.Held), new("answers", server => server.WasAsked ? server.Answers : null), new("asked", server => server.AskedAt),
            new("problem", server => server.Problem));
        return 0;
    }

    private static async Task<int> ShowAsync(ParseResult parsed, AdminAccess access, string name)
    {
        var (server, problem) = await access.CallAsync<ServerDetails>("get_server", ("server_name", name));
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
            await Table.WriteOneAsync(parsed, all);
            return ExitCode.Ok;
        }

        foreach (var (heading, value) in all.Where(member => member.Value is not null and not string[] { Length: 0 }))
        {
            Console.WriteLine($"{heading,-15} {CommandLine.Printable(value switch { DateTimeOffset moment => CommandLine.Moment(moment), string[] words => string.Join(", ", words), _ => value!.ToString() })}");
        }

        return 0;
    }

    private static async Task<int> RemoveAsync(ParseResult parsed, AdminAccess access, string name)
    {
        // One of the configuration is taken away by nobody here, which the operation says.
        var (servers, unknown) = await access.ListAsync<ServerView>("list_servers");
        if (unknown is not null)
        {
            return await Refusal.SayAsync(unknown);
        }

        var stored = servers!.FirstOrDefault(server => server.From == KnownServer.Stored && server.Name.Equals(name, StringComparison.OrdinalIgnoreCase));
        if (stored is not null && !await Confirmation.AskAsync(parsed, $"{stored.Name} will be served no more, and what was reviewed of its tools forgotten."))
        {
            return ExitCode.Usage;
        }

        return await access.RemoveAsync("remove_server", ("server_name", name)) is { } problem
            ? await Refusal.SayAsync(problem)
            : await Table.WriteDoneAsync(parsed, stored?.Name ?? name, "removed", $"removed: {stored?.Name ?? name}");
    }

    private static string[] Pairs(IReadOnlyDictionary<string, string> pairs) => [.. pairs.Select(pair => $"{pair.Key}={pair.Value}").Order(StringComparer.Ordinal)];
}
