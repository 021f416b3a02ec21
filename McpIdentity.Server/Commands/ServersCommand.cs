using System.CommandLine;
using McpIdentity.Mcp.Audit;
using McpIdentity.Migrations;
using McpIdentity.Server.Gateway;
using McpIdentity.Server.Settings;
using Microsoft.EntityFrameworkCore;

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
        ForOne("remove", "Takes a server away that was added, with what is known of its tools.", "servers remove notes --yes", RemoveAsync).With(Confirmation.Yes),
    };

    private static Command ForOne(string name, string description, string example, Func<ParseResult, IServiceProvider, FrontedServerName, CancellationToken, Task<int>> run)
    {
        var verb = CommandLine.StorageVerb(name, description, example, async (parsed, services, cancellationToken) =>
            await FrontedServerName.FindAsync(services, parsed.GetRequiredValue(Which), cancellationToken) is { } server ? await run(parsed, services, server, cancellationToken) : 1);
        verb.Arguments.Add(Which);
        return verb;
    }

    private static async Task<int> ListAsync(ParseResult parsed, IServiceProvider services, CancellationToken cancellationToken)
    {
        var db = services.GetRequiredService<McpIdentityDbContext>();
        var servers = await FrontedServerName.AllAsync(services, cancellationToken);
        var tools = (await db.GatewayTools.AsNoTracking().Select(row => new { row.Server, row.Hash, row.FirstHash, row.ReviewedHash, row.State }).ToListAsync(cancellationToken))
            .ToLookup(row => row.Server, row => new Catalogue.KnownTool(new("", null, null, null, null, row.Hash), row.FirstHash, row.ReviewedHash, row.State));
        var contacts = await db.GatewayContacts.AsNoTracking().ToDictionaryAsync(contact => contact.Server, cancellationToken);
        await Table.WriteAsync(parsed, servers,
            new("name", server => server.Name), new("url", server => server.Url), new("path", server => server.Path), new("auth", server => server.Options?.Upstream.Auth.ToString()),
            new("from", server => server.From), new("tools", server => tools[server.Name].Count()), new("held", server => tools[server.Name].Count(tool => tool.IsHeld(server.Review))),
            new("answers", server => contacts.GetValueOrDefault(server.Name) is { } contact ? contact.Problem is null : null), new("asked", server => contacts.GetValueOrDefault(server.Name)?.At),
            new("problem", server => server.Problem is { } problem ? $"not served: {problem}" : contacts.GetValueOrDefault(server.Name)?.Problem));
        return 0;
    }

    private static async Task<int> ShowAsync(ParseResult parsed, IServiceProvider services, FrontedServerName server, CancellationToken cancellationToken)
    {
        var db = services.GetRequiredService<McpIdentityDbContext>();
        var contact = await db.GatewayContacts.AsNoTracking().FirstOrDefaultAsync(row => row.Server == server.Name, cancellationToken);
        var row = server.From == FrontedServerName.Stored ? await db.GatewayServers.AsNoTracking().FirstOrDefaultAsync(row => row.Name == server.Name, cancellationToken) : null;
        var said = server.Options ?? new FrontedServerOptions();
        var registrations = await db.UpstreamRegistrations.AsNoTracking().Where(row => row.Server == server.Name).OrderBy(row => row.Issuer).ToListAsync(cancellationToken);
        (string Name, object? Value)[] all =
        [
            ("name", server.Name), ("display name", said.DisplayName), ("url", server.Url), ("path", server.Path), ("from", server.From), ("not served", server.Problem),
            ("scopes", said.Scopes.Select(scope => $"{scope.Key}={scope.Value}").Order(StringComparer.Ordinal).ToArray()), ("default scopes", said.DefaultScopes.ToArray()),
            ("scopes of tools", said.Tools.Select(tool => $"{tool.Key}={tool.Value}").Order(StringComparer.Ordinal).ToArray()),
            ("review", server.Review.ToString()), ("auth", said.Upstream.Auth.ToString()), ("header", said.Upstream.Auth == UpstreamAuth.Header ? said.Upstream.Header : null),
            ("value", said.Upstream.ValueFile is { } file ? $"in {file}" : said.Upstream.Value is null ? null : "is set"), ("audience", said.Upstream.Audience),
            ("issuer", said.Upstream.Issuer), ("client id", said.Upstream.ClientId), ("client secret", said.Upstream.ClientSecret is null ? null : "is set"), ("asks for", said.Upstream.Scope), ("resource", said.Upstream.Resource),
            ("parameters", said.Upstream.AuthorizationParameters.Select(one => $"{one.Key}={one.Value}").Order(StringComparer.Ordinal).ToArray()), ("networks", said.Upstream.AllowedNetworks.ToArray()),
            ("registered", registrations.Select(row => $"{row.ClientId} at {row.Issuer}").ToArray()),
            ("timeout", said.Timeout.ToString()), ("added", row?.CreatedAt), ("changed", row?.UpdatedAt), ("by", row?.UpdatedBy),
            ("asked", contact?.At), ("answered", contact?.AnsweredAt), ("problem", contact?.Problem),
        ];
        if (parsed.GetValue(Table.Output) == "json")
        {
            await Table.WriteAsync(parsed, [all], [.. all.Select((member, i) => new Table.Column<(string Name, object? Value)[]>(member.Name, members => members[i].Value))]);
            return 0;
        }

        foreach (var (name, value) in all.Where(member => member.Value is not null and not string[] { Length: 0 }))
        {
            Console.WriteLine($"{name,-15} {CommandLine.Printable(value switch { DateTimeOffset moment => CommandLine.Moment(moment), string[] words => string.Join(", ", words), _ => value!.ToString() })}");
        }

        return 0;
    }

    private static async Task<int> RemoveAsync(ParseResult parsed, IServiceProvider services, FrontedServerName server, CancellationToken cancellationToken)
    {
        var (db, stored) = (services.GetRequiredService<McpIdentityDbContext>(), services.GetRequiredService<StoredServers>());
        if (!await db.GatewayServers.AnyAsync(row => row.Name == server.Name, cancellationToken))
        {
            await Console.Error.WriteLineAsync($"{server.Name} stands in the configuration: take Gateway:Servers:{server.Name} out of it, and start anew.");
            return 1;
        }

        if (!await Confirmation.AskAsync(parsed, $"{server.Name} will be served no more, and what was reviewed of its tools forgotten."))
        {
            return 2;
        }

        await stored.RemoveAsync(db, server.Name, cancellationToken);
        await services.RecordActAsync(SecurityEvent.Success("server_removed") with { Server = server.Name });
        Console.WriteLine($"removed: {server.Name}");
        return 0;
    }
}
