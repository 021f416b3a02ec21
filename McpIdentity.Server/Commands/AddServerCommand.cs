using System.CommandLine;
using System.Text.Json.Nodes;
using McpIdentity.Mcp.Audit;
using McpIdentity.Migrations;
using McpIdentity.Server.Administration;
using McpIdentity.Server.Gateway;
using McpIdentity.Server.Policy;
using McpIdentity.Server.Protocol;
using McpIdentity.Server.Settings;
using Microsoft.EntityFrameworkCore;

namespace McpIdentity.Server.Commands;

/// <summary><c>servers add</c>: another MCP server behind this one, on every node within seconds and without a restart.</summary>
internal static class AddServerCommand
{
    private static readonly Argument<string> Name = new("name") { Description = "A short name, which is in its address: lower-case letters, digits, - and _." };
    private static readonly Option<string> Url = new("--url") { Description = "Where it is reached from here: its MCP endpoint.", Required = true };
    private static readonly Option<string?> Path = new("--path") { Description = "Where clients reach it at this server; /mcp/ and its name unless it is given." };
    private static readonly Option<string?> DisplayName = new("--display-name") { Description = "What people and clients read; its name unless it is given." };
    private static readonly Option<UpstreamAuth> Auth = new("--auth") { Description = "What it knows us by: None, Header (a secret), Identity (a JWT of ours that says who calls)." };
    private static readonly Option<string?> Header = new("--header") { Description = "With --auth Header: the name of the header; Authorization unless it is given." };
    private static readonly Option<string?> ValueFile = new("--value-file") { Description = "With --auth Header: a file that holds its value, such as Bearer …; - is the standard input. It is stored encrypted." };
    private static readonly Option<string?> Audience = new("--audience") { Description = "With --auth Identity: the audience of the JWT; the URL unless it is given." };
    private static readonly Option<ToolReview> Review = new("--review") { Description = "Which of its tools wait for 'tools review': None, Changed, New." };
    private static readonly Option<string[]> Scopes = new("--scope") { Description = "A scope of its own and what the consent page says of it, as notes:read=\"Read notes\"; several times." };
    private static readonly Option<string[]> Tools = new("--tool") { Description = "Which of its scopes a tool needs, as \"create_*=notes:write\"; several times." };
    private static readonly Option<TimeSpan?> Timeout = new("--timeout") { Description = "How long it may take until it begins to answer, as 00:00:30." };
    private static readonly Option<bool> Replace = new("--replace") { Description = "Puts it in the place of the stored one of that name." };

    public static Command Create()
    {
        var verb = CommandLine.StorageVerb("add", "Adds a server, without a restart.", "servers add notes --url http://localhost:3001/mcp --review Changed", AddAsync)
            .With(Url).With(Path).With(DisplayName).With(Auth).With(Header).With(ValueFile).With(Audience).With(Review).With(Scopes).With(Tools).With(Timeout).With(Replace);
        verb.Arguments.Add(Name);
        return verb;
    }

    private static async Task<int> AddAsync(ParseResult parsed, IServiceProvider services, CancellationToken cancellationToken)
    {
        var (db, name) = (services.GetRequiredService<McpIdentityDbContext>(), parsed.GetRequiredValue(Name));
        var exists = await db.GatewayServers.AnyAsync(row => row.Name == name, cancellationToken);
        var problem = exists && !parsed.GetValue(Replace) ? "it was added before; say --replace to put this one in its place." : null;
        JsonObject? document = null;
        if (problem is null)
        {
            (document, problem) = await DescribeAsync(parsed, cancellationToken);
        }

        problem ??= await services.GetRequiredService<StoredServers>().SaveAsync(db, name, document!.ToJsonString(), Operator.OfThisMachine.Name, cancellationToken);
        if (problem is not null)
        {
            await Console.Error.WriteLineAsync($"{CommandLine.Printable(name)} was not added: {CommandLine.Printable(problem)}");
            return 1;
        }

        await services.RecordActAsync(SecurityEvent.Success(exists ? "server_changed" : "server_added") with { Server = name });
        Console.WriteLine($"{(exists ? "changed" : "added")}: {name}, for clients at {services.GetRequiredService<PublicAddress>().UrlOf(parsed.GetValue(Path) ?? $"/mcp/{name}")}");
        await SayPolicyAsync(services, name, cancellationToken);
        return 0;
    }

    private static async Task<(JsonObject? Document, string? Problem)> DescribeAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        var upstream = new JsonObject { [nameof(UpstreamOptions.Auth)] = parsed.GetValue(Auth).ToString() };
        Set(upstream, nameof(UpstreamOptions.Header), parsed.GetValue(Header));
        Set(upstream, nameof(UpstreamOptions.Audience), parsed.GetValue(Audience));
        if (parsed.GetValue(ValueFile) is { } file)
        {
            try
            {
                Set(upstream, nameof(UpstreamOptions.Value), (file == "-" ? await Console.In.ReadToEndAsync(cancellationToken) : await File.ReadAllTextAsync(file, cancellationToken)).Trim());
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                return (null, exception.Message);
            }
        }

        var document = new JsonObject { [nameof(FrontedServerOptions.Url)] = parsed.GetValue(Url), [nameof(FrontedServerOptions.Review)] = parsed.GetValue(Review).ToString(), [nameof(FrontedServerOptions.Upstream)] = upstream };
        Set(document, nameof(FrontedServerOptions.Path), parsed.GetValue(Path));
        Set(document, nameof(FrontedServerOptions.DisplayName), parsed.GetValue(DisplayName));
        Set(document, nameof(FrontedServerOptions.Timeout), parsed.GetValue(Timeout)?.ToString());
        foreach (var (member, pairs) in new[] { (nameof(FrontedServerOptions.Scopes), parsed.GetValue(Scopes)), (nameof(FrontedServerOptions.Tools), parsed.GetValue(Tools)) })
        {
            foreach (var pair in pairs ?? [])
            {
                if (pair.IndexOf('=', StringComparison.Ordinal) is not (> 0 and var at))
                {
                    return (null, $"{member} has '{pair}'; it is a name, = and what belongs to it.");
                }

                (document[member] ??= new JsonObject())[pair[..at]] = pair[(at + 1)..];
            }
        }

        return (document, null);
    }

    private static void Set(JsonObject json, string member, string? value)
    {
        if (value is not null)
        {
            json[member] = value;
        }
    }

    // Nobody may use anything until a rule says so: whoever has added a server is to know.
    private static async Task SayPolicyAsync(IServiceProvider services, string name, CancellationToken cancellationToken)
    {
        await services.LoadStoredServersAsync(cancellationToken);
        await services.LoadPolicyAsync(cancellationToken);
        var isOpen = services.GetRequiredService<PolicyInForce>().Current.Rules.Any(rule => rule.Effect != PolicyEffect.Deny &&
            rule.Written.Servers?.Any(entry => new NamePattern(entry, StringComparison.OrdinalIgnoreCase).Matches(name)) != false);
        if (!isOpen)
        {
            Console.WriteLine($$"""
                Nobody may use anything of it yet. A rule of the policy that lets everybody (or with "Groups" or "Users" some) use all of it:
                  { "Servers": [ "{{name}}" ], "Effect": "allow" }
                """);
        }
    }
}
