using System.Runtime.CompilerServices;
using McpIdentity.Migrations;
using McpIdentity.Migrations.Entities;
using Microsoft.EntityFrameworkCore;

namespace McpIdentity.Server.Audit;

/// <summary>Which rows are looked for; what is null does not matter.</summary>
internal sealed record AuditFilter
{
    /// <summary>From this moment on.</summary>
    public DateTimeOffset? Since { get; init; }

    /// <summary>Before this moment.</summary>
    public DateTimeOffset? Until { get; init; }

    /// <summary>One of these.</summary>
    public IReadOnlyList<string> Events { get; init; } = [];

    /// <summary>One of these clients, by <c>client_id</c>.</summary>
    public IReadOnlyList<string> Clients { get; init; } = [];

    /// <summary>One of these people, by identifier.</summary>
    public IReadOnlyList<string> Subjects { get; init; } = [];

    /// <summary>The operator who did it.</summary>
    public string? Actor { get; init; }

    /// <summary>What operators did, and nothing else.</summary>
    public bool OnlyActs { get; init; }

    public string? Resource { get; init; }

    public string? Tool { get; init; }

    /// <summary><c>success</c>, <c>failure</c>, <c>warning</c> or <c>not_enforced</c>.</summary>
    public string? Result { get; init; }

    /// <summary>Of a flow, a request (the reference of a page) or a grant.</summary>
    public string? Id { get; init; }

    public string? Address { get; init; }

    /// <summary>A part of <see cref="AuditEntry.Line"/>, with its escapes. Of all that is left by the rest, each line is looked at.</summary>
    public string? Text { get; init; }
}

/// <summary>Reads the audit: a page at a time, or all of it with flat memory. By <see cref="AuditEntry.Id"/>, so that a page costs the same wherever it is.</summary>
internal sealed class AuditSearch(McpIdentityDbContext db)
{
    private const int PageSize = 1000;

    /// <summary>The newest rows first.</summary>
    /// <param name="filter">Which.</param>
    /// <param name="limit">How many at most.</param>
    /// <param name="before">The <see cref="AuditEntry.Id"/> of the last row of the page before this one; null for the first page.</param>
    /// <param name="cancellationToken">Ends the reading.</param>
    public Task<List<AuditEntry>> PageAsync(AuditFilter filter, int limit, long? before, CancellationToken cancellationToken) =>
        Apply(filter).Where(entry => before == null || entry.Id < before).OrderByDescending(entry => entry.Id).Take(limit).Readable().ToListAsync(cancellationToken);

    /// <summary>All rows, the oldest first, and up to the last that there is when it begins.</summary>
    public async IAsyncEnumerable<AuditEntry> ReadAsync(AuditFilter filter, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var last = await db.AuditEntries.MaxAsync(entry => (long?)entry.Id, cancellationToken) ?? 0;
        var after = 0L;
        while (true)
        {
            var from = after;
            var page = await Apply(filter).Where(entry => entry.Id > from && entry.Id <= last).OrderBy(entry => entry.Id).Take(PageSize).Readable().ToListAsync(cancellationToken);
            foreach (var entry in page)
            {
                yield return entry;
            }

            if (page.Count < PageSize)
            {
                yield break;
            }

            after = page[^1].Id;
        }
    }

    private IQueryable<AuditEntry> Apply(AuditFilter filter)
    {
        IQueryable<AuditEntry> rows = db.AuditEntries;
        rows = filter.Since is { } since ? rows.Where(entry => entry.At >= since) : rows;
        rows = filter.Until is { } until ? rows.Where(entry => entry.At < until) : rows;
        rows = filter.Events.Count > 0 ? rows.Where(entry => filter.Events.Contains(entry.Event)) : rows;
        rows = filter.Clients.Count > 0 ? rows.Where(entry => filter.Clients.Contains(entry.ClientId)) : rows;
        rows = filter.Subjects.Count > 0 ? rows.Where(entry => filter.Subjects.Contains(entry.Subject)) : rows;
        rows = filter.Actor is { } actor ? rows.Where(entry => entry.Actor == actor) : rows;
        rows = filter.OnlyActs ? rows.Where(entry => entry.Actor != null) : rows;
        rows = filter.Resource is { } resource ? rows.Where(entry => entry.Resource == resource) : rows;
        rows = filter.Tool is { } tool ? rows.Where(entry => entry.Tool == tool) : rows;
        rows = filter.Result is { } result ? rows.Where(entry => entry.Result == result) : rows;
        rows = filter.Address is { } address ? rows.Where(entry => entry.Address == address) : rows;
        rows = filter.Text is { } text ? rows.Where(entry => entry.Line.Contains(text)) : rows;
        return filter.Id is { } id ? rows.Where(entry => entry.Flow == id || entry.TraceId == id || entry.GrantId == id) : rows;
    }
}
