using System.CommandLine;
using McpIdentity.Server.Administration;
using McpIdentity.Server.Administration.Api;
using McpIdentity.Server.Policy;
using McpIdentity.Server.Settings;

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
        var verb = CommandLine.AdminVerb("add", "Adds a server, without a restart.", "servers add notes --url http://localhost:3001/mcp --review Changed", AddAsync, prepare: (services, cancellationToken) => services.LoadPolicyAsync(cancellationToken))
            .With(Url).With(Path).With(DisplayName).With(Auth).With(Header).With(ValueFile).With(Audience).With(Review).With(Scopes).With(Tools).With(Timeout).With(Replace).With(Table.Output);
        verb.Arguments.Add(Name);
        return verb;
    }

    private static async Task<int> AddAsync(ParseResult parsed, AdminAccess access)
    {
        var name = parsed.GetRequiredValue(Name);
        var (order, unreadable) = await DescribeAsync(parsed);
        if (order is null)
        {
            return await RefuseAsync(name, unreadable!, ExitCode.Usage);
        }

        var (existed, (saved, problem)) = await SaveAsync(access, name, order, parsed.GetValue(Replace));
        if (problem is not null)
        {
            return await RefuseAsync(name, problem.Code == "server_exists" ? "it was added before; say --replace to put this one in its place." : problem.Detail, ExitCode.Of(problem));
        }

        var done = existed ? "changed" : "added";
        await Table.WriteDoneAsync(parsed, name, done, $"{done}: {name}, for clients at {saved!.Resource}");
        if (!saved.IsOpen && !CommandLine.IsQuiet(parsed))
        {
            await Console.Error.WriteLineAsync($$"""
                Nobody may use anything of it yet. A rule of the policy that lets everybody (or with "Groups" or "Users" some) use all of it:
                  { "Servers": [ "{{name}}" ], "Effect": "allow" }
                """);
        }

        return ExitCode.Ok;
    }

    private static async Task<(bool Existed, Outcome<ServerDetails> Saved)> SaveAsync(AdminAccess access, string name, ServerOrder order, bool mayReplace)
    {
        var replaced = mayReplace ? await access.SendAsync<ServerDetails>("replace_server", order, ("server_name", name)) : AdminProblem.NotFound("server", name);
        return replaced.Problem is { Status: StatusCodes.Status404NotFound } ? (false, await access.SendAsync<ServerDetails>("add_server", new NewServer(name, order))) : (true, replaced);
    }

    private static async Task<int> RefuseAsync(string name, string problem, int exitCode)
    {
        await Console.Error.WriteLineAsync($"{CommandLine.Printable(name)} was not added: {CommandLine.Printable(problem)}");
        return exitCode;
    }

    private static async Task<(ServerOrder? Order, string? Problem)> DescribeAsync(ParseResult parsed)
    {
        string? value = null;
        if (parsed.GetValue(ValueFile) is { } file)
        {
            try
            {
                value = (file == "-" ? await Console.In.ReadToEndAsync() : await File.ReadAllTextAsync(file)).Trim();
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                return (null, exception.Message);
            }
        }

        foreach (var (member, pairs) in new[] { (nameof(FrontedServerOptions.Scopes), parsed.GetValue(Scopes)), (nameof(FrontedServerOptions.Tools), parsed.GetValue(Tools)) })
        {
            if ((pairs ?? []).FirstOrDefault(pair => pair.IndexOf('=', StringComparison.Ordinal) <= 0) is { } wrong)
            {
                return (null, $"{member} has '{wrong}'; it is a name, = and what belongs to it.");
            }
        }

        return (new ServerOrder(parsed.GetRequiredValue(Url))
        {
            Path = parsed.GetValue(Path),
            DisplayName = parsed.GetValue(DisplayName),
            Review = parsed.GetValue(Review).ToString(),
            Timeout = parsed.GetValue(Timeout)?.ToString(),
            Scopes = PairsOf(parsed.GetValue(Scopes)),
            Tools = PairsOf(parsed.GetValue(Tools)),
            Upstream = new UpstreamOrder { Auth = parsed.GetValue(Auth).ToString(), Header = parsed.GetValue(Header), Audience = parsed.GetValue(Audience), Value = value },
        }, null);
    }

    private static Dictionary<string, string> PairsOf(string[]? pairs)
    {
        var read = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var pair in pairs ?? [])
        {
            var at = pair.IndexOf('=', StringComparison.Ordinal);
            read[pair[..at]] = pair[(at + 1)..];
        }

        return read;
    }
}
