using System.CommandLine;
using McpIdentity.Migrations;
using McpIdentity.Server.Administration;
using McpIdentity.Server.Clients;
using McpIdentity.Server.Clients.Statements;
using McpIdentity.Server.Settings;
using Microsoft.EntityFrameworkCore;
using OpenIddict.EntityFrameworkCore.Models;

namespace McpIdentity.Server.Commands;

/// <summary><c>clients</c>: the clients that there are, made, changed and ended while servers serve; <c>clients tokens</c> is beside it.</summary>
internal static class ClientsCommand
{
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
        CommandLine.StorageVerb("list", "Lists the clients, the last used first.", "clients list --waiting", ListAsync).With(Waiting).With(Table.Output),
        ForOne("show", "Shows one client.", async (parsed, services, client, cancellationToken) =>
        {
            await ShowAsync(parsed, services.GetRequiredService<McpIdentityDbContext>(), client, cancellationToken);
            return 0;
        }),
        Create("create"),
        Update(),
        RotateSecret(),
        ForOne("snippet", "Says how a client in wide use is told to connect as this one.", async (parsed, services, client, cancellationToken) =>
        {
            var (snippet, problem) = await services.GetRequiredService<ClientDirectory>().SnippetAsync(client.ClientId!, parsed.GetRequiredValue(For), parsed.GetValue(Resource), cancellationToken);
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
        Change("approve", "approved", "Lets a client in that registered itself and waits (OAuth:Registration:Policy=Approval).", (_, acts, clientId, cancellationToken) => acts.ApproveAsync(Operator.OfThisMachine, clientId, cancellationToken)),
        Change("disable", "disabled", "Refuses a client until it is enabled, and ends all that it holds.", (parsed, acts, clientId, cancellationToken) =>
            acts.DisableAsync(Operator.OfThisMachine, clientId, revoke: !parsed.GetValue(Keep), cancellationToken)).With(Keep),
        Change("enable", "enabled", "Lets a disabled client in again.", (_, acts, clientId, cancellationToken) => acts.EnableAsync(Operator.OfThisMachine, clientId, cancellationToken)),
        ForOne("delete", "Ends all that a client holds and forgets it.", async (parsed, services, client, cancellationToken) =>
        {
            if (!await Confirmation.AskAsync(parsed, $"{Describe(client)} will be forgotten, with its grants and what people allowed it."))
            {
                return ExitCode.Usage;
            }

            return await services.GetRequiredService<ClientActs>().DeleteAsync(Operator.OfThisMachine, client.ClientId!, cancellationToken) is { } problem
                ? await Refusal.SayAsync(problem)
                : await Table.WriteDoneAsync(parsed, client.ClientId!, "deleted", $"deleted: {Describe(client)}");
        }).With(Confirmation.Yes),
        ClientTokensCommand.Create(),
    };

    private static Command Change(string name, string done, string description, Func<ParseResult, ClientActs, string, CancellationToken, Task<Outcome<ClientView>>> change) =>
        ForOne(name, description, async (parsed, services, client, cancellationToken) =>
        {
            var (changed, problem) = await change(parsed, services.GetRequiredService<ClientActs>(), client.ClientId!, cancellationToken);
            return problem is not null ? await Refusal.SayAsync(problem)
                : await Table.WriteDoneAsync(parsed, client.ClientId!, done, $"{done}: {Describe(client)}{(name == "approve" ? $", with answers to {CommandLine.Printable(string.Join(", ", changed!.RedirectUris))}" : "")}");
        });

    private static Command Create(string name)
    {
        var create = CommandLine.StorageVerb(
            name, "Makes a client. Its secret, where it has one, is printed this once.", "clients create --kind service --name \"Nightly report\" --secret-file report.secret", async (parsed, services, cancellationToken) =>
            {
                var asked = new NewClient(
                    parsed.GetRequiredValue(Kind), parsed.GetValue(Name), parsed.GetValue(ClientId), parsed.GetValue(RedirectUri) is { Length: > 0 } uris ? uris : null, parsed.GetValue(Preset), parsed.GetValue(Confidential),
                    parsed.GetValue(Introspects) is { Length: > 0 } resources ? resources : null, parsed.GetValue(PreApproved) ? true : null);
                var (made, problem) = await services.GetRequiredService<ClientActs>().CreateAsync(Operator.OfThisMachine, asked, cancellationToken);
                return problem is not null ? await Refusal.SayAsync(problem) : await ShowSecretAsync(parsed, made!, "created");
            });
        Kind.AcceptOnlyFromAmong(NewClient.Service, NewClient.App);
        return create.With(Kind).With(Name).With(ClientId).With(RedirectUri).With(Preset).With(Confidential).With(Introspects).With(PreApproved).With(SecretFile).With(Table.Output);
    }

    private static Command Update() => ForOne("update", "Changes a client that is neither one of the settings nor a document. What is not said stays.", async (parsed, services, client, cancellationToken) =>
    {
        var change = new ClientChange(parsed.GetValue(Name), parsed.GetValue(RedirectUri) is { Length: > 0 } uris ? uris : null, parsed.GetValue(Introspects) is { Length: > 0 } resources ? resources : null, parsed.GetResult(PreApproved) is null ? null : parsed.GetValue(PreApproved));
        var (changed, problem) = await services.GetRequiredService<ClientActs>().UpdateAsync(Operator.OfThisMachine, client.ClientId!, change, cancellationToken);
        return problem is not null ? await Refusal.SayAsync(problem)
            : await Table.WriteDoneAsync(parsed, changed!.ClientId, "updated", $"updated: {CommandLine.Printable(changed.Name)} ({changed.ClientId})");
    }).With(Name).With(RedirectUri).With(Introspects).With(PreApproved);

    private static Command RotateSecret() => ForOne("rotate-secret", "Makes a new secret, printed this once; the one of before is good for a while longer.", async (parsed, services, client, cancellationToken) =>
    {
        var (rotated, problem) = await services.GetRequiredService<ClientActs>().RotateSecretAsync(Operator.OfThisMachine, client.ClientId!, TimeSpan.FromHours(parsed.GetValue(Overlap)), cancellationToken);
        return problem is not null ? await Refusal.SayAsync(problem) : await ShowSecretAsync(parsed, rotated!, "rotated");
    }).With(Overlap).With(SecretFile);

    // A terminal keeps what it shows, and a file can be for its owner alone.
    private static async Task<int> ShowSecretAsync(ParseResult parsed, ClientWithSecret made, string done)
    {
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

    private static string Describe(OpenIddictEntityFrameworkCoreApplication client) =>
        CommandLine.Printable(client.DisplayName is { Length: > 0 } called ? $"{called} ({client.ClientId})" : client.ClientId);

    private static Command ForOne(
        string name, string description, Func<ParseResult, IServiceProvider, OpenIddictEntityFrameworkCoreApplication, CancellationToken, Task<int>> run)
    {
        var verb = CommandLine.StorageVerb(name, description, $"clients {name} \"Claude Code\"{(name == "delete" ? " --yes" : "")}", async (parsed, services, cancellationToken) =>
            await run(parsed, services, await ByName.ClientAsync(services.GetRequiredService<McpIdentityDbContext>(), parsed.GetRequiredValue(Which), cancellationToken), cancellationToken));
        verb.Arguments.Add(Which);
        return verb.With(Table.Output);
    }

    private static async Task<int> ListAsync(ParseResult parsed, IServiceProvider services, CancellationToken cancellationToken)
    {
        var onlyWaiting = parsed.GetValue(Waiting);
        var clients = await services.GetRequiredService<McpIdentityDbContext>().Clients.AsNoTracking()
            .Where(client => !onlyWaiting || EF.Property<DateTimeOffset?>(client, ClientColumns.AwaitingApprovalSince) != null)
            .OrderByDescending(client => EF.Property<DateTimeOffset?>(client, ClientColumns.LastUsedAt) ?? EF.Property<DateTimeOffset?>(client, ClientColumns.RegisteredAt))
            .Select(client => new
            {
                client.ClientId,
                client.DisplayName,
                client.ClientType,
                client.Properties,
                client.RedirectUris,
                WaitsSince = EF.Property<DateTimeOffset?>(client, ClientColumns.AwaitingApprovalSince),
                RegisteredAt = EF.Property<DateTimeOffset?>(client, ClientColumns.RegisteredAt),
                LastUsedAt = EF.Property<DateTimeOffset?>(client, ClientColumns.LastUsedAt),
                DisabledAt = EF.Property<DateTimeOffset?>(client, ClientColumns.DisabledAt),
            }).ToListAsync(cancellationToken);
        if (onlyWaiting)
        {
            await Table.WriteAsync(parsed, clients,
                new("client_id", client => client.ClientId), new("name", client => client.DisplayName), new("type", client => client.ClientType),
                new("redirect URIs", client => client.RedirectUris), new("waiting since", client => client.WaitsSince));
            return 0;
        }

        await Table.WriteAsync(parsed, clients,
            new("client_id", client => client.ClientId), new("name", client => client.DisplayName), new("type", client => client.ClientType),
            new("state", client => ClientDeletion.IsDeleted(client.Properties) ? "deleted" : client.DisabledAt is not null ? "disabled" : client.WaitsSince is not null ? "waiting" : "enabled"), new("registered", client => client.RegisteredAt), new("last used", client => client.LastUsedAt),
            new("registered with", client => RegisteredWith(client.Properties)));
        return 0;
    }

    private static async Task ShowAsync(ParseResult parsed, McpIdentityDbContext db, OpenIddictEntityFrameworkCoreApplication client, CancellationToken cancellationToken)
    {
        var liveGrants = await db.Grants.CountAsync(
            grant => grant.ClientId == client.ClientId && grant.RevokedAt == null && grant.ExpiresAt > TimeProvider.System.GetUtcNow(), cancellationToken);
        (string Name, object? Value)[] all =
        [
            ("client_id", client.ClientId), ("name", client.DisplayName), ("type", client.ClientType), ("application type", client.ApplicationType),
            ("redirect URIs", client.RedirectUris), ("permissions", client.Permissions), ("registered", Moment(ClientColumns.RegisteredAt)),
            ("last used", Moment(ClientColumns.LastUsedAt)), ("disabled", Moment(ClientColumns.DisabledAt)), ("waiting since", Moment(ClientColumns.AwaitingApprovalSince)),
            ("registered with", RegisteredWith(client.Properties)), ("live grants", liveGrants),
        ];
        if (parsed.GetValue(Table.Output) == "json")
        {
            await Table.WriteAsync(parsed, [all], [.. all.Select((member, i) => new Table.Column<(string Name, object? Value)[]>(member.Name, members => members[i].Value))]);
            return;
        }

        foreach (var (name, value) in all)
        {
            Console.WriteLine($"{name,-17} {CommandLine.Printable(value is DateTimeOffset moment ? CommandLine.Moment(moment) : value?.ToString())}");
        }

        DateTimeOffset? Moment(string column) => db.Entry(client).Property<DateTimeOffset?>(column).CurrentValue;
    }

    // A token that the operator made, or a statement of somebody whom they trust.
    private static string? RegisteredWith(string? properties) => string.Join(", ", ((string?[])[InitialAccessTokens.NameIn(properties), SoftwareStatement.In(properties)?.Issuer]).OfType<string>()) is { Length: > 0 } all ? all : null;
}
