using McpIdentity.Migrations;
using McpIdentity.Server.Audit;
using McpIdentity.Server.Persistence;
using Microsoft.EntityFrameworkCore;

namespace McpIdentity.Server.Administration;

/// <summary>One way of a connection, and what is wrong with it.</summary>
internal sealed record DiagnosedFlow(TracedFlow Flow, Finding Finding)
{
    public bool IsFaulty => Finding.Id != Diagnosis.NoFault;
}

/// <summary>The ways that were found.</summary>
/// <param name="What">Whose they are.</param>
/// <param name="Known">How many.</param>
/// <param name="Flows">Each with its diagnosis, the newest first; where there is none, one without a step, which says that nobody came.</param>
internal sealed record TraceResult(string What, int Known, IReadOnlyList<DiagnosedFlow> Flows)
{
    /// <summary>The last that failed, else the last.</summary>
    public DiagnosedFlow Telling => Flows.FirstOrDefault(flow => flow.IsFaulty) ?? Flows[0];
}

/// <summary>Why somebody cannot connect (docs/audit.md, "Why somebody cannot connect").</summary>
internal sealed class TraceActs(McpIdentityDbContext db, PreparedSql sql, TimeProvider time)
{
    private const int MaxClients = 50;

    /// <param name="wanted">A person (e-mail address, name, identifier), a client (identifier, name, host), a flow, a grant, or the reference of a page.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    public async Task<Outcome<TraceResult>> FindAsync(string wanted, CancellationToken cancellationToken)
    {
        var (what, flows) = await FlowsAsync(wanted, cancellationToken);
        if (what is null)
        {
            return new AdminProblem(
                "trace_not_found", StatusCodes.Status404NotFound,
                $"Nothing is known of {wanted}: it is no person, client, flow, grant or reference, and nobody has tried to sign in so.");
        }

        var now = time.GetUtcNow();
        IReadOnlyList<TracedFlow> found = flows.Count > 0 ? flows : [new TracedFlow(null, null, null, [])];
        return new TraceResult(what, flows.Count, [.. found.Select(flow => new DiagnosedFlow(flow, Diagnosis.Of(flow, now)))]);
    }

    private async Task<(string? What, IReadOnlyList<TracedFlow> Flows)> FlowsAsync(string wanted, CancellationToken cancellationToken)
    {
        var trace = new FlowTrace(db);
        if (await OperatorNames.UsersAsync(sql, wanted, cancellationToken) is { Count: > 0 } users)
        {
            return ($"Flows of {users[0].Email ?? users[0].Name ?? users[0].Id}", await trace.OfAsync([.. users.Select(user => user.Id)], [], cancellationToken));
        }

        var clients = await OperatorNames.ClientsAsync(sql, wanted, cancellationToken);
        if (clients.Count == 0 && wanted.Contains('.', StringComparison.Ordinal) && !wanted.Contains('@', StringComparison.Ordinal))
        {
            // By the host of its document, or of where its answers go; of many those that were here last.
            clients = await db.Clients.Where(client => client.ClientId!.Contains("//" + wanted) || client.RedirectUris!.Contains("//" + wanted))
                .OrderByDescending(client => EF.Property<DateTimeOffset?>(client, ClientColumns.LastUsedAt) ?? EF.Property<DateTimeOffset?>(client, ClientColumns.RegisteredAt) ?? DateTimeOffset.UnixEpoch)
                .Take(MaxClients).Select(client => client.ClientId!).ToListAsync(cancellationToken);
        }

        if (clients.Count > 0)
        {
            return ($"Flows of {wanted}", await trace.OfAsync([], clients, cancellationToken));
        }

        var flows = await trace.OfIdAsync(wanted, cancellationToken);
        flows = flows.Count > 0 ? flows : await trace.OfAsync([wanted], [wanted], cancellationToken); // somebody or something that is gone
        flows = flows.Count > 0 ? flows : await trace.OfStrangerAsync(wanted, cancellationToken);
        return flows.Count > 0 ? ($"Flows of {wanted}", flows) : (null, flows);
    }
}
