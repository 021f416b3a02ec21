using System.Diagnostics;
using System.Text.Json.Nodes;
using McpIdentity.Mcp.Audit;
using McpIdentity.Migrations;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Administration.Api;
using McpIdentity.Server.Catalogue;
using McpIdentity.Server.Gateway;
using McpIdentity.Server.Persistence;
using McpIdentity.Server.Policy;
using McpIdentity.Server.Protocol;
using McpIdentity.Server.Settings;
using Microsoft.EntityFrameworkCore;

namespace McpIdentity.Server.Administration;

/// <summary>A server behind this one.</summary>
/// <param name="From"><c>configuration</c> or <c>stored</c>.</param>
/// <param name="Held">How many of its tools nobody may use for now.</param>
/// <param name="Answers">Whether it did, when it was asked last; null: it never was.</param>
/// <param name="Problem">Why it is not served, or why it did not answer.</param>
internal sealed record ServerView(
    string Name, string? DisplayName, string Url, string Path, string? Auth, string From, int Tools, int Held, bool Answers, bool WasAsked, DateTimeOffset? AskedAt, string? Problem);

/// <summary>All of one server but its secrets.</summary>
[ChangesByUse("asked_at", "answered_at", "problem")]
internal sealed record ServerDetails(string Name, string From, string Url, string Path)
{
    public string? DisplayName { get; init; }

    public string? NotServed { get; init; }

    /// <summary>Whether any rule of the policy could let somebody use it.</summary>
    public bool IsOpen { get; init; }

    /// <summary>What clients name it by (RFC 8707).</summary>
    public string? Resource { get; init; }

    public IReadOnlyDictionary<string, string> Scopes { get; init; } = new Dictionary<string, string>();

    public IReadOnlyList<string> DefaultScopes { get; init; } = [];

    public IReadOnlyDictionary<string, string> ToolScopes { get; init; } = new Dictionary<string, string>();

    public string Review { get; init; } = "";

    public string Auth { get; init; } = "";

    public string? Header { get; init; }

    /// <summary>Where the secret is; never the secret.</summary>
    public string? Value { get; init; }

    public string? Audience { get; init; }

    public string? Issuer { get; init; }

    public string? ClientId { get; init; }

    public bool HasClientSecret { get; init; }

    public string? AsksFor { get; init; }

    public string? AsksForResource { get; init; }

    public IReadOnlyDictionary<string, string> Parameters { get; init; } = new Dictionary<string, string>();

    public IReadOnlyList<string> Networks { get; init; } = [];

    /// <summary>As which clients this server has registered itself there, and where.</summary>
    public IReadOnlyList<string> Registered { get; init; } = [];

    public string Timeout { get; init; } = "";

    public DateTimeOffset? AddedAt { get; init; }

    public DateTimeOffset? ChangedAt { get; init; }

    public string? ChangedBy { get; init; }

    public DateTimeOffset? AskedAt { get; init; }

    public DateTimeOffset? AnsweredAt { get; init; }

    public string? Problem { get; init; }
}

/// <summary>A server that was added or changed.</summary>
/// <param name="Existed">Whether there was one of the name.</param>
/// <param name="IsOpen">Whether any rule of the policy could let somebody use it.</param>
internal sealed record SavedServer(string Name, string Resource, bool Existed, bool IsOpen);

/// <summary>What came of asking a server.</summary>
/// <param name="Name">Which server.</param>
/// <param name="Url">Where it is reached.</param>
/// <param name="Answered">Whether it answered as it should.</param>
/// <param name="Problem">Why not.</param>
/// <param name="Milliseconds">How long it took.</param>
/// <param name="Software">Who it says that it is.</param>
/// <param name="Version">Of that.</param>
/// <param name="Revision">Of MCP.</param>
/// <param name="Tools">What it has.</param>
internal sealed record ServerTest(string Name, string Url, bool Answered, string? Problem, long Milliseconds, string? Software, string? Version, string? Revision, IReadOnlyList<TestedTool> Tools);

/// <summary>One of its tools.</summary>
/// <param name="Says">What it says of itself: <c>reads</c>, <c>changes</c>, <c>destroys</c> or <c>nothing</c>.</param>
/// <param name="Effect">What the policy says to the person for whom it was asked.</param>
/// <param name="Rule">By which rule.</param>
internal sealed record TestedTool(string Name, string? Title, string Says, string? Effect, string? Rule);

/// <summary>The MCP servers behind this one.</summary>
internal sealed class ServerActs(
    McpIdentityDbContext db, PreparedSql sql, StoredServers stored, UpstreamListing listing, PolicyDecisions decisions, PolicyInForce policy, PublicAddress address, IServiceProvider services, OperatorRecord record)
{
    /// <summary>Those of the configuration and those that were added, by name.</summary>
    public async Task<AdminPage<ServerView>> ListAsync(Slice slice, CancellationToken cancellationToken)
    {
        var tools = (await db.GatewayTools.AsNoTracking().Select(row => new { row.Server, row.Hash, row.FirstHash, row.ReviewedHash, row.State }).ToListAsync(cancellationToken))
            .ToLookup(row => row.Server, row => new KnownTool(new("", null, null, null, null, row.Hash), row.FirstHash, row.ReviewedHash, row.State));
        var contacts = await db.GatewayContacts.AsNoTracking().ToDictionaryAsync(contact => contact.Server, cancellationToken);
        return slice.OfSorted((await KnownServer.AllAsync(services, cancellationToken)).Select(server =>
        {
            var contact = contacts.GetValueOrDefault(server.Name);
            return new ServerView(
                server.Name, server.Options?.DisplayName, server.Url, server.Path, server.Options is { } said ? WordOf(said.Upstream.Auth) : null, server.From, tools[server.Name].Count(),
                tools[server.Name].Count(tool => tool.IsHeld(server.Review)), contact is { Problem: null }, contact is not null, contact?.At,
                server.Problem is { } problem ? $"not served: {problem}" : contact?.Problem);
        }), server => $"{server.Name} {server.From}");
    }

    /// <summary>All of one, without its secrets.</summary>
    public async Task<Outcome<ServerDetails>> FindAsync(string name, CancellationToken cancellationToken)
    {
        var (server, problem) = await KnownServer.FindAsync(services, name, cancellationToken);
        if (problem is not null)
        {
            return problem;
        }

        var contact = await db.GatewayContacts.AsNoTracking().FirstOrDefaultAsync(row => row.Server == server!.Name, cancellationToken);
        var row = server!.From == KnownServer.Stored ? await db.GatewayServers.AsNoTracking().FirstOrDefaultAsync(row => row.Name == server.Name, cancellationToken) : null;
        var registrations = await db.UpstreamRegistrations.AsNoTracking().Where(one => one.Server == server.Name).OrderBy(one => one.Issuer).ToListAsync(cancellationToken);
        return DetailsOf(server, row, contact, registrations);
    }

    /// <summary>Adds one, or puts it in the place of the stored one of that name: on every node within seconds, without a restart.</summary>
    /// <param name="by">Who does.</param>
    /// <param name="name">A short name, which is in its address.</param>
    /// <param name="order">What it is.</param>
    /// <param name="replaces">Whether there has to be one of that name, or must not be; null: either.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    public async Task<Outcome<SavedServer>> SaveAsync(Operator by, string name, ServerOrder order, bool? replaces, CancellationToken cancellationToken)
    {
        var before = (await stored.ReadAsync(db, cancellationToken)).FirstOrDefault(one => one.Name == name);
        if (replaces == false && before is not null)
        {
            return Exists(name);
        }

        if (replaces == true && before is null)
        {
            return AdminProblem.NotFound("server", name);
        }

        var document = order.ToDocument();
        KeepSecrets(document, before);
        string? problem;
        try
        {
            problem = await stored.SaveAsync(db, name, document.ToJsonString(), by.Name, cancellationToken);
        }
        catch (DbUpdateException) when (before is null)
        {
            return Exists(name); // another was a moment earlier
        }

        if (problem is not null)
        {
            return new AdminProblem("server_invalid", StatusCodes.Status422UnprocessableEntity, problem);
        }

        var done = SecurityEvent.Success(before is null ? "server_added" : "server_changed") with { Server = name };
        await record.WriteAsync(by, before is null ? done : done.Changing(ServerOrder.Differences(before.Options is null ? "{}" : before.Document, document)));
        return new SavedServer(name, address.UrlOf(order.Path ?? $"/mcp/{name}"), before is not null, IsOpen(name));
    }

    /// <summary>Takes one away that was added, with what is known of its tools.</summary>
    public async Task<Outcome<string>> RemoveAsync(Operator by, string name, CancellationToken cancellationToken)
    {
        var (server, problem) = await KnownServer.FindAsync(services, name, cancellationToken);
        if (problem is not null)
        {
            return problem;
        }

        if (!await IsStoredAsync(server!.Name, cancellationToken))
        {
            return AdminProblem.Conflict("configured", $"{server.Name} stands in the configuration: take Gateway:Servers:{server.Name} out of it, and start anew.");
        }

        await stored.RemoveAsync(db, server.Name, cancellationToken);
        await record.WriteAsync(by, SecurityEvent.Success("server_removed") with { Server = server.Name });
        return server.Name;
    }

    /// <summary>Whether it was added, and does not stand in the configuration alone.</summary>
    public Task<bool> IsStoredAsync(string name, CancellationToken cancellationToken) => db.GatewayServers.AnyAsync(row => row.Name == name, cancellationToken);

    /// <summary>Connects to one as the gateway would, and says what it answered.</summary>
    /// <param name="by">Who asks.</param>
    /// <param name="name">Which one.</param>
    /// <param name="user">For whom: with what the server gets for them, and what policy gives them of each tool; null: for this server itself.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    public async Task<Outcome<ServerTest>> TestAsync(Operator by, string name, string? user, CancellationToken cancellationToken)
    {
        var (person, nobody) = user is null ? default : await OperatorNames.UserAsync(sql, user, cancellationToken);
        if (nobody is not null)
        {
            return nobody;
        }

        var (server, unknown) = await KnownServer.FindAsync(services, name, cancellationToken);
        if (unknown is not null)
        {
            return unknown;
        }

        if (server!.Options?.Url is null || (server.Problem is not null && server.From == KnownServer.Stored))
        {
            return AdminProblem.Conflict("server_not_served", $"{server.Name} is not served: {server.Problem}");
        }

        if (person is not null)
        {
            await record.WriteAsync(by, SecurityEvent.Success("server_tested") with { Server = server.Name, Subject = person.Id });
        }

        var started = Stopwatch.GetTimestamp();
        try
        {
            var found = await listing.ReadAsync(new FrontedServer(server.Name, server.Options), person?.Id, cancellationToken);
            var took = (long)Stopwatch.GetElapsedTime(started).TotalMilliseconds;
            var caller = person is null ? null : await decisions.CallerAsync(person.Id, clientId: null, cancellationToken);
            return new ServerTest(server.Name, server.Url, true, null, took, found.Name, found.Version, found.Revision, [.. found.Tools.Select(tool => CatalogueTool.TryRead(tool, out var read) ? read : null).OfType<CatalogueTool>().Select(tool => Judge(tool, server.Name, caller))]);
        }
        catch (UpstreamAnswerException exception)
        {
            return new ServerTest(server.Name, server.Url, false, exception.Message, (long)Stopwatch.GetElapsedTime(started).TotalMilliseconds, null, null, null, []);
        }
    }

    private TestedTool Judge(CatalogueTool tool, string server, PolicyCaller? caller)
    {
        var decision = caller is null ? null : decisions.Decide(caller, server, new PolicyTarget(PolicyTargetKind.Tool, tool.Name) { ReadOnly = tool.ReadOnly, Destructive = tool.Destructive });
        return new TestedTool(tool.Name, tool.Title, ToolActs.Says(tool), decision?.Effect.ToString().ToLowerInvariant(), decision?.Rule);
    }

    // Nobody may use anything until a rule says so: whoever has added a server is to know.
    private bool IsOpen(string name) => policy.Current.Rules.Any(rule => rule.Effect != PolicyEffect.Deny &&
        rule.Written.Servers?.Any(entry => new NamePattern(entry, StringComparison.OrdinalIgnoreCase).Matches(name)) != false);

    // What is shown to nobody nobody can send back. At another URL it would be somebody else's to read.
    private static void KeepSecrets(JsonObject document, StoredServer? before)
    {
        if (before?.Options is { } old && document[nameof(FrontedServerOptions.Url)]?.GetValue<string>() == old.Url && document[nameof(FrontedServerOptions.Upstream)] is JsonObject upstream &&
            string.Equals(upstream[nameof(UpstreamOptions.Auth)]?.GetValue<string>(), old.Upstream.Auth.ToString(), StringComparison.OrdinalIgnoreCase) &&
            upstream[nameof(UpstreamOptions.TokenEndpoint)]?.GetValue<string>() == old.Upstream.TokenEndpoint && upstream[nameof(UpstreamOptions.Issuer)]?.GetValue<string>() == old.Upstream.Issuer)
        {
            if (upstream[nameof(UpstreamOptions.Value)] is null)
            {
                ServerOrder.Set(upstream, nameof(UpstreamOptions.Value), old.Upstream.Value);
            }

            if (upstream[nameof(UpstreamOptions.ClientSecret)] is null)
            {
                ServerOrder.Set(upstream, nameof(UpstreamOptions.ClientSecret), old.Upstream.ClientSecret);
            }
        }
    }

    private ServerDetails DetailsOf(KnownServer server, GatewayServer? row, GatewayContact? contact, List<UpstreamRegistration> registrations)
    {
        var said = server.Options ?? new FrontedServerOptions();
        var upstream = said.Upstream;
        return new ServerDetails(server.Name, server.From, server.Url, server.Path)
        {
            DisplayName = said.DisplayName,
            NotServed = server.Problem,
            IsOpen = IsOpen(server.Name),
            Resource = address.UrlOf(server.Path),
            Scopes = said.Scopes.ToDictionary(),
            DefaultScopes = [.. said.DefaultScopes],
            ToolScopes = said.Tools.ToDictionary(),
            Review = server.Review.ToString().ToLowerInvariant(),
            Auth = WordOf(upstream.Auth),
            Header = upstream.Auth == UpstreamAuth.Header ? upstream.Header : null,
            Value = upstream.ValueFile is { } file ? $"in {file}" : upstream.Value is null ? null : "is set",
            Audience = upstream.Audience,
            Issuer = upstream.Issuer,
            ClientId = upstream.ClientId,
            HasClientSecret = upstream.ClientSecret is not null,
            AsksFor = upstream.Scope,
            AsksForResource = upstream.Resource,
            Parameters = upstream.AuthorizationParameters.ToDictionary(),
            Networks = [.. upstream.AllowedNetworks],
            Registered = [.. registrations.Select(one => $"{one.ClientId} at {one.Issuer}")],
            Timeout = said.Timeout.ToString(),
            AddedAt = row?.CreatedAt,
            ChangedAt = row?.UpdatedAt,
            ChangedBy = row?.UpdatedBy,
            AskedAt = contact?.At,
            AnsweredAt = contact?.AnsweredAt,
            Problem = contact?.Problem,
        };
    }

    private static AdminProblem Exists(string name) => AdminProblem.Conflict("server_exists", $"{name} was added before.");

    private static string WordOf(UpstreamAuth auth) => auth == UpstreamAuth.TokenExchange ? "token_exchange" : auth.ToString().ToLowerInvariant();
}
