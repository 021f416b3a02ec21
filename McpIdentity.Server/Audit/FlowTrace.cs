using System.Linq.Expressions;
using System.Text.Json;
using McpIdentity.Migrations;
using McpIdentity.Migrations.Entities;
using Microsoft.EntityFrameworkCore;

namespace McpIdentity.Server.Audit;

/// <summary>One row on a timeline.</summary>
internal sealed class TraceStep
{
    private readonly JsonElement? _line;

    public TraceStep(AuditEntry row, bool isOnlyNearby = false)
    {
        (Row, IsOnlyNearby) = (row, isOnlyNearby);
        using var line = AuditLine.Find(row.Line);
        _line = line?.RootElement.Clone();
    }

    public AuditEntry Row { get; }

    /// <summary>It named no client: it came from the same address a short time before, and may be of somebody else.</summary>
    public bool IsOnlyNearby { get; }

    public string Event => Row.Event;

    public bool IsSuccess => Row.Result == "success";

    public string? Reason => this["reason"];

    public string? Got => this["got"];

    public string? Expected => this["expected"];

    /// <summary>A member of the line that is a text.</summary>
    public string? this[string member] => _line is { } line && line.TryGetProperty(member, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
}

/// <summary>What belongs together: from the first request of an authorization to the calls with its tokens.</summary>
/// <param name="Id">The flow; null where a client came and never asked for an authorization.</param>
/// <param name="ClientId">Whose it is.</param>
/// <param name="Subject">Whom it is for, once somebody has signed in.</param>
/// <param name="Steps">In the order in which they happened.</param>
internal sealed record TracedFlow(string? Id, string? ClientId, string? Subject, IReadOnlyList<TraceStep> Steps)
{
    public DateTimeOffset BeganAt => Steps.Count > 0 ? Steps[0].Row.At : default;

    public TraceStep? Last(params string[] events) => Steps.LastOrDefault(step => events.Contains(step.Event));

    public bool Has(params string[] events) => Last(events) is not null;
}

/// <summary>Finds the flows of a person, a client or an identifier, and what belongs to each.</summary>
internal sealed class FlowTrace(McpIdentityDbContext db)
{
    private const int MaxFlows = 50;
    private const int MaxSteps = 500;
    private const int MaxRows = 2000;

    private static readonly TimeSpan SameVisit = TimeSpan.FromMinutes(30);
    private static readonly TimeSpan RegisteredFor = TimeSpan.FromHours(1);

    private const string Registered = "client_registered";

    // What a client is told before its code or token has been read.
    private static readonly string[] Refusals = ["token_refused", "client_authentication_failed"];

    // What ends an access from outside of the flow.
    private static readonly string[] Endings = [.. AuditEntry.ClientMarks.Except([Registered, .. Refusals])];

    /// <summary>The flows of these people or clients, the newest first.</summary>
    public async Task<IReadOnlyList<TracedFlow>> OfAsync(IReadOnlyList<string> subjects, IReadOnlyList<string> clients, CancellationToken cancellationToken)
    {
        // By two indexes, and no further back than the newest flows: what a person or a client has left may be very much.
        List<(long Id, string? Flow)> newest =
        [
            .. subjects.Count > 0 ? await NewestAsync(entry => subjects.Contains(entry.Subject)) : [],
            .. clients.Count > 0 ? await NewestAsync(entry => clients.Contains(entry.ClientId)) : [],
        ];
        var ids = newest.OrderByDescending(row => row.Id).Select(row => row.Flow!).Distinct().Take(MaxFlows).ToList();
        var flows = await ReadAllAsync(ids, cancellationToken);
        if (flows.Count == 0 && await db.AuditEntries.Where(entry => subjects.Contains(entry.Subject) || clients.Contains(entry.ClientId)).OrderByDescending(entry => entry.Id)
            .Take(MaxSteps).Readable().ToListAsync(cancellationToken) is { Count: > 0 } alone)
        {
            // It registered, or shows tokens of before there were flows, and has not asked for an authorization.
            alone.Reverse();
            flows.Add(await CompleteAsync(null, alone, cancellationToken));
        }

        return flows;

        async Task<IEnumerable<(long, string?)>> NewestAsync(Expression<Func<AuditEntry, bool>> isTheirs) =>
            (await db.AuditEntries.Where(isTheirs).Where(entry => entry.Flow != null).OrderByDescending(entry => entry.Id).Take(MaxRows).Select(entry => new { entry.Id, entry.Flow })
                .ToListAsync(cancellationToken)).Select(row => (row.Id, row.Flow));
    }

    /// <summary>The flows that an identifier names: of a flow, a request (the reference of a page) or a grant.</summary>
    public async Task<IReadOnlyList<TracedFlow>> OfIdAsync(string id, CancellationToken cancellationToken)
    {
        var named = await db.AuditEntries.Where(entry => entry.Flow == id || entry.TraceId == id || entry.GrantId == id).OrderByDescending(entry => entry.Id).Take(MaxSteps).Readable().ToListAsync(cancellationToken);
        var grants = named.Select(entry => entry.GrantId).OfType<string>().Distinct().ToList();
        var flows = await FlowsOfAsync(grants, cancellationToken);
        flows = [.. named.Select(entry => entry.Flow).OfType<string>().Union(flows)];
        if (flows.Count > 0 || named.Count == 0)
        {
            return await ReadAllAsync(flows, cancellationToken);
        }

        // A request that was refused before its code was read names its client alone: it came because of the authorization before it. By the moment: of
        // two nodes, one may write down later what happened earlier.
        var (newest, client) = (named[0].At, named.Select(entry => entry.ClientId).FirstOrDefault(one => one is not null));
        if (client is not null && await db.AuditEntries.Where(entry => entry.ClientId == client && entry.Flow != null && entry.At <= newest).OrderByDescending(entry => entry.Id)
            .Select(entry => entry.Flow).FirstOrDefaultAsync(cancellationToken) is { } before)
        {
            return await ReadAllAsync([before], cancellationToken);
        }

        named.Reverse();
        return [await CompleteAsync(null, named, cancellationToken)];
    }

    /// <summary>The flows in which somebody signed in at a provider with this address, and was not let in.</summary>
    public async Task<IReadOnlyList<TracedFlow>> OfStrangerAsync(string email, CancellationToken cancellationToken)
    {
        var refused = await db.AuditEntries.Where(entry => entry.Event == "login_failure" && entry.Flow != null).OrderByDescending(entry => entry.Id).Take(MaxSteps).Readable().ToListAsync(cancellationToken);
        return await ReadAllAsync([.. refused.Where(entry => string.Equals(new TraceStep(entry).Got, email, StringComparison.OrdinalIgnoreCase)).Select(entry => entry.Flow!).Distinct()], cancellationToken);
    }

    private async Task<List<TracedFlow>> ReadAllAsync(IReadOnlyList<string> ids, CancellationToken cancellationToken)
    {
        var flows = new List<TracedFlow>();
        foreach (var id in ids)
        {
            flows.Add(await CompleteAsync(id, await db.AuditEntries.Where(entry => entry.Flow == id).OrderBy(entry => entry.Id).Take(MaxSteps).Readable().ToListAsync(cancellationToken), cancellationToken));
        }

        return flows;
    }

    private async Task<List<string>> FlowsOfAsync(IReadOnlyList<string> grants, CancellationToken cancellationToken) =>
        await db.AuditEntries.Where(entry => entry.Flow != null && grants.Contains(entry.GrantId!)).Select(entry => entry.Flow!).Distinct().ToListAsync(cancellationToken);

    // The token carries the flow on by its grant; before the flow there is the client, and before that an address.
    private async Task<TracedFlow> CompleteAsync(string? id, List<AuditEntry> rows, CancellationToken cancellationToken)
    {
        var client = rows.Select(row => row.ClientId).LastOrDefault(one => one is not null);
        var subject = rows.Select(row => row.Subject).LastOrDefault(one => one is not null);
        var (from, address) = (rows.Count > 0 ? rows[0].At : default, rows.Select(row => row.Address).FirstOrDefault(one => one is not null));
        var grants = rows.Select(row => row.GrantId).OfType<string>().Distinct().ToList();
        var registered = from - RegisteredFor;
        // Each by an index of its own: together they would read all rows of a client that everybody shares. Of what there is too much of, the last: what is wrong stands at the end.
        var more = await db.AuditEntries.Where(entry => grants.Contains(entry.GrantId!)).OrderByDescending(entry => entry.Id).Take(MaxSteps).Readable().ToListAsync(cancellationToken);
        if (client is not null)
        {
            var ofClient = db.AuditEntries.Where(entry => entry.ClientId == client && EF.Constant(AuditEntry.ClientMarks).Contains(entry.Event));
            more.AddRange(await LastAsync(ofClient.Where(entry => entry.Event == Registered && entry.At >= registered)));
            more.AddRange(await LastAsync(ofClient.Where(entry => Refusals.Contains(entry.Event) && entry.Flow == null && entry.GrantId == null && entry.At >= from)));
            more.AddRange(await LastAsync(ofClient.Where(entry => Endings.Contains(entry.Event) && (entry.Subject == null || entry.Subject == subject) && entry.At >= from)));
        }

        if (subject is not null)
        {
            // Of a person's sessions only those in which this was granted.
            var sessions = rows.Concat(more).Select(row => new TraceStep(row)["session_id"]).OfType<string>().ToHashSet(StringComparer.Ordinal);
            more.AddRange((await LastAsync(db.AuditEntries.Where(entry => entry.Subject == subject && entry.ClientId == null && Endings.Contains(entry.Event) && entry.At >= from)))
                .Where(row => row.Event != "session_ended" || (new TraceStep(row)["session_id"] is { } session && sessions.Contains(session))));
        }

        var (earlier, first) = (from - SameVisit, rows.Count > 0 ? rows[0].Id : 0);
        var nearby = address is null || rows.Count == 0 ? [] : await db.AuditEntries
            .Where(entry => entry.Address == address && entry.At >= earlier && entry.At <= from && entry.Id < first && entry.Event == "mcp_auth_failure" && entry.ClientId == null && entry.Subject == null)
            .OrderByDescending(entry => entry.Id).Take(3).Readable().ToListAsync(cancellationToken);
        // A clock may stand between two nodes: within a chain the order is certain, between them it is that of the moments.
        var steps = rows.Concat(more).DistinctBy(row => row.Id).Select(row => new TraceStep(row)).Concat(nearby.Select(row => new TraceStep(row, isOnlyNearby: true)))
            .OrderBy(step => step.Row.At).ThenBy(step => step.Row.Id).ToList();
        return new TracedFlow(id, client, subject, steps);

        Task<List<AuditEntry>> LastAsync(IQueryable<AuditEntry> entries) => entries.OrderByDescending(entry => entry.At).Take(MaxSteps).Readable().ToListAsync(cancellationToken);
    }
}
