using System.CommandLine;
using System.Text.Encodings.Web;
using System.Text.Json;
using McpIdentity.Server.Administration;
using McpIdentity.Server.Settings;

namespace McpIdentity.Server.Commands;

/// <summary><c>clients</c>: the clients that there are, made, changed and ended while servers serve; <c>clients tokens</c> is beside it.</summary>
internal static class ClientsCommand
{
    private static readonly JsonSerializerOptions Json = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private static readonly Argument<string> Which = new("client") { Description = "The client_id that list shows, or the name." };

    private static readonly Option<bool> Waiting = new("--waiting") { Description = "Only those that wait to be approved, and where their answers would go." };

    private static readonly Option<string> Kind = new("--kind") { Description = "service: it speaks for itself, with a secret. app: people let it act for them.", Required = true };
    private static readonly Option<string?> Name = new("--name") { Description = "What people read." };
    private static readonly Option<string?> ClientId = new("--client-id") { Description = "Of your choice; absent, one is made." };
    private static readonly Option<string[]> RedirectUri = new("--redirect-uri") { Description = "Where the answers of an app may go; more than once for several." };
    private static readonly Option<string?> Preset = new("--preset") { Description = "A client in wide use, whose name and redirect URIs are known: claude, vscode, cursor and others." };
    private static readonly Option<bool> Confidential = new("--confidential") { Description = "The app has a server that keeps a secret." };
    private static readonly Option<string[]> Introspects = new("--introspects") { Description = "An MCP server whose access tokens it may introspect; more than once for several." };
    private static readonly Option<bool> PreApproved = new("--pre-approved") { Description = "Nobody is asked whether it may act for them." };
    private static readonly Option<string?> SecretFile = new("--secret-file") { Description = "Writes the secret into this file, which only you can read, and does not print it." };
    private static readonly Option<double> Overlap = new("--overlap-hours") { Description = "How long the secret of before is good; 0: not at all.", DefaultValueFactory = _ => ClientActs.UsualOverlap.TotalHours };
    private static readonly Option<bool> Keep = new("--keep-tokens") { Description = "Ends nothing that it holds: access tokens are good until they expire." };
    private static readonly Option<string> For = new("--for") { Description = $"Which client in wide use: {string.Join(", ", ClientSnippet.Known)}.", DefaultValueFactory = _ => ClientSnippet.Known[0] };
    private static readonly Option<string?> Resource = new("--resource") { Description = "The MCP server; absent, the one of this server." };

    public static Command Create() => new("clients", "The registered clients.")
    {
        CommandLine.AdminVerb("list", "Lists the clients, the last used first.", "clients list --waiting", ListAsync).With(Waiting).With(Table.Output),
        ForOne("show", "Shows one client.", ShowAsync),
        Create("create"),
        Update(),
        RotateSecret(),
        ForOne("snippet", "Says how a client in wide use is told to connect as this one.", async (parsed, access, client) =>
        {
            var (snippet, problem) = await access.CallAsync<ClientSnippet>("get_client_snippet", ("client_id", client.ClientId), ("for", parsed.GetRequiredValue(For)), ("resource", parsed.GetValue(Resource)));
            if (problem is not null)
            {
                return await Refusal.SayAsync(problem);
            }

            if (Table.IsJson(parsed))
            {
                await Table.WriteOneAsync(parsed, ("client", snippet!.Client), ("steps", snippet.Steps), ("snippet", snippet.Snippet));
                return 0;
            }

            await Console.Error.WriteLineAsync($"{snippet!.Client}: {snippet.Steps}");
            Console.WriteLine(snippet.Snippet);
            return 0;
        }).With(For).With(Resource),
        Change("approve", "approved", "Lets a client in that registered itself and waits (OAuth:Registration:Policy=Approval).", (_, access, clientId) => access.CallAsync<ClientView>("approve_client", ("client_id", clientId))),
        Change("disable", "disabled", "Refuses a client until it is enabled, and ends all that it holds.", (parsed, access, clientId) =>
            access.SendAsync<ClientView>("disable_client", new ClientDisabling(Revoke: !parsed.GetValue(Keep)), ("client_id", clientId))).With(Keep),
        Change("enable", "enabled", "Lets a disabled client in again.", (_, access, clientId) => access.CallAsync<ClientView>("enable_client", ("client_id", clientId))),
        ForOne("delete", "Ends all that a client holds and forgets it.", async (parsed, access, client) =>
        {
            if (!await Confirmation.AskAsync(parsed, $"{Describe(client)} will be forgotten, with its grants and what people allowed it."))
            {
                return ExitCode.Usage;
            }

            return await access.RemoveAsync("delete_client", ("client_id", client.ClientId)) is { } problem
                ? await Refusal.SayAsync(problem)
                : await Table.WriteDoneAsync(parsed, client.ClientId, "deleted", $"deleted: {Describe(client)}");
        }).With(Confirmation.Yes),
        ClientTokensCommand.Create(),
    };

    private static Command Change(string name, string done, string description, Func<ParseResult, AdminAccess, string, Task<Outcome<ClientView>>> change) =>
        ForOne(name, description, async (parsed, access, client) =>
        {
            var (changed, problem) = await change(parsed, access, client.ClientId);
            return problem is not null ? await Refusal.SayAsync(problem)
                : await Table.WriteDoneAsync(parsed, changed!.ClientId, done, $"{done}: {Describe(changed)}{(name == "approve" ? $", with answers to {string.Join(", ", changed.RedirectUris)}" : "")}");
        });

    private static Command Create(string name)
    {
        var create = CommandLine.AdminVerb(
            name, "Makes a client. Its secret, where it has one, is printed this once.", "clients create --kind service --name \"Nightly report\" --secret-file report.secret", async (parsed, access) =>
            {
                var asked = new NewClient(
                    parsed.GetRequiredValue(Kind), parsed.GetValue(Name), parsed.GetValue(ClientId), parsed.GetValue(RedirectUri) is { Length: > 0 } uris ? uris : null, parsed.GetValue(Preset), parsed.GetValue(Confidential),
                    parsed.GetValue(Introspects) is { Length: > 0 } resources ? resources : null, parsed.GetValue(PreApproved) ? true : null);
                var (made, problem) = await access.SendAsync<ClientWithSecret>("create_client", asked);
                return problem is not null ? await Refusal.SayAsync(problem) : await ShowSecretAsync(parsed, made!, "created");
            });
        Kind.AcceptOnlyFromAmong(NewClient.Service, NewClient.App);
        return create.With(Kind).With(Name).With(ClientId).With(RedirectUri).With(Preset).With(Confidential).With(Introspects).With(PreApproved).With(SecretFile).With(Table.Output);
    }

    private static Command Update() => ForOne("update", "Changes a client that is neither one of the settings nor a document. What is not said stays.", async (parsed, access, client) =>
    {
        var change = new ClientChange(parsed.GetValue(Name), parsed.GetValue(RedirectUri) is { Length: > 0 } uris ? uris : null, parsed.GetValue(Introspects) is { Length: > 0 } resources ? resources : null, parsed.GetResult(PreApproved) is null ? null : parsed.GetValue(PreApproved));
        var (changed, problem) = await access.SendAsync<ClientView>("update_client", change, ("client_id", client.ClientId));
        if (problem is not null)
        {
            return await Refusal.SayAsync(problem);
        }

        await WarnAsync(changed!);
        return await Table.WriteDoneAsync(parsed, changed!.ClientId, "updated", $"updated: {Describe(changed)}");
    }).With(Name).With(RedirectUri).With(Introspects).With(PreApproved);

    private static Command RotateSecret() => ForOne("rotate-secret", "Makes a new secret, printed this once; the one of before is good for a while longer.", async (parsed, access, client) =>
    {
        var (rotated, problem) = await access.SendAsync<ClientWithSecret>("rotate_client_secret", new SecretRotation(parsed.GetValue(Overlap)), ("client_id", client.ClientId));
        return problem is not null ? await Refusal.SayAsync(problem) : await ShowSecretAsync(parsed, rotated!, "rotated");
    }).With(Overlap).With(SecretFile);

    // A terminal keeps what it shows, and a file can be for its owner alone.
    private static async Task<int> ShowSecretAsync(ParseResult parsed, ClientWithSecret made, string done)
    {
        await WarnAsync(made.Client);
        var file = made.ClientSecret is null ? null : parsed.GetValue(SecretFile);
        if (file is not null)
        {
            await using var stream = PrivateFiles.Open(file, FileMode.Create, FileAccess.Write, FileShare.None);
            await stream.WriteAsync(System.Text.Encoding.UTF8.GetBytes(made.ClientSecret + "\n"));
        }

        var printed = file is null ? made.ClientSecret : null;
        if (Table.IsJson(parsed))
        {
            await Table.WriteOneAsync(parsed, ("client_id", made.Client.ClientId), ("name", made.Client.Name), ("client_secret", printed));
            return 0;
        }

        Console.WriteLine(printed is null ? made.Client.ClientId : $"{made.Client.ClientId} {printed}");
        await Console.Error.WriteLineAsync($"{done}: {CommandLine.Printable(made.Client.Name)} ({made.Client.ClientId}){(file is not null ? $". The secret is in {file}, for you alone to read" : printed is not null ? ". The second word is the secret, and is not shown again" : "")}.");
        return 0;
    }

    private static async Task WarnAsync(ClientView client)
    {
        foreach (var warning in client.Warnings ?? [])
        {
            await Console.Error.WriteLineAsync(CommandLine.Printable($"warning: {warning}"));
        }
    }

    private static string Describe(ClientView client) => CommandLine.Printable(client.Name is { Length: > 0 } called ? $"{called} ({client.ClientId})" : client.ClientId);

    private static Command ForOne(string name, string description, Func<ParseResult, AdminAccess, ClientView, Task<int>> run)
    {
        var verb = CommandLine.AdminVerb(name, description, $"clients {name} \"Claude Code\"{(name == "delete" ? " --yes" : "")}", async (parsed, access) =>
        {
            var (client, problem) = await ByName.ClientAsync(access, parsed.GetRequiredValue(Which));
            return problem is null ? await run(parsed, access, client!) : await Refusal.SayAsync(problem);
        });
        verb.Arguments.Add(Which);
        return verb.With(Table.Output);
    }

    private static async Task<int> ListAsync(ParseResult parsed, AdminAccess access)
    {
        // By what does not change: one that is used while pages are read would be in none of them.
        var (found, problem) = await access.ListAsync<ClientView>("list_clients", ("deleted", "true"), ("sort", "client_id"));
        if (problem is not null)
        {
            return await Refusal.SayAsync(problem);
        }

        var clients = found!.OrderByDescending(client => client.LastUsedAt ?? client.RegisteredAt).ThenBy(client => client.ClientId, StringComparer.Ordinal).ToList();

        if (parsed.GetValue(Waiting))
        {
            await Table.WriteAsync(parsed, [.. clients.Where(client => client.WaitingSince is not null)],
                new("client_id", client => client.ClientId), new("name", client => client.Name), new("type", client => client.Type),
                new("redirect URIs", client => ListOf(client.RedirectUris)), new("waiting since", client => client.WaitingSince));
            return 0;
        }

        await Table.WriteAsync(parsed, clients,
            new("client_id", client => client.ClientId), new("name", client => client.Name), new("type", client => client.Type),
            new("state", client => client.Status), new("registered", client => client.RegisteredAt), new("last used", client => client.LastUsedAt),
            new("registered with", client => client.RegisteredWith));
        return 0;
    }

    private static async Task<int> ShowAsync(ParseResult parsed, AdminAccess access, ClientView client)
    {
        var (use, problem) = await access.CallAsync<ClientUse>("get_client_use", ("client_id", client.ClientId));
        if (problem is not null)
        {
            return await Refusal.SayAsync(problem);
        }

        await WarnAsync(client);
        await Table.WriteOneAsync(
            parsed, ("client_id", client.ClientId), ("name", client.Name), ("type", client.Type), ("application type", client.ApplicationType),
            ("redirect URIs", ListOf(client.RedirectUris)), ("permissions", ListOf(client.Permissions)), ("registered", client.RegisteredAt),
            ("last used", client.LastUsedAt), ("disabled", client.DisabledAt), ("waiting since", client.WaitingSince),
            ("registered with", client.RegisteredWith), ("live grants", use!.Grants));
        return 0;
    }

    // As they are stored: one text, for programs too.
    private static string? ListOf(IReadOnlyList<string> words) => words.Count == 0 ? null : JsonSerializer.Serialize(words, Json);
}
