using System.Globalization;
using System.Text.Json;
using McpIdentity.Migrations;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Administration.Api;
using McpIdentity.Server.Audit;
using McpIdentity.Server.Persistence;

namespace McpIdentity.Server.Administration;

/// <summary>What is looked for in the audit, in an operator's words; what is null does not matter.</summary>
internal sealed record AuditQuestion
{
    /// <summary>From this moment on.</summary>
    public DateTimeOffset? Since { get; init; }

    /// <summary>Before this moment.</summary>
    public DateTimeOffset? Until { get; init; }

    /// <summary>One of these.</summary>
    public IReadOnlyList<string> Events { get; init; } = [];

    public string? Result { get; init; }

    public string? Actor { get; init; }

    /// <summary>What operators did, and nothing else.</summary>
    public bool OnlyActs { get; init; }

    /// <summary>A client, by <c>client_id</c> or name.</summary>
    public string? Client { get; init; }

    /// <summary>A person, by identifier, e-mail address or name.</summary>
    public string? User { get; init; }

    public string? Resource { get; init; }

    public string? Tool { get; init; }

    public string? Address { get; init; }

    /// <summary>Of a flow, a request or a grant.</summary>
    public string? Id { get; init; }

    /// <summary>A part of the line.</summary>
    public string? Text { get; init; }
}

/// <summary>One row of the audit.</summary>
/// <param name="Id">Ascending in the order in which the database took them.</param>
/// <param name="Node">Whose chain it stands in.</param>
/// <param name="Sequence">Its place there, from 1; 0: of before there were chains.</param>
/// <param name="Time">When it happened.</param>
/// <param name="Event">What happened, in the words of the security log (docs/security-log.md).</param>
/// <param name="Level">error, warn, info or debug.</param>
/// <param name="Result">success, failure, warning or not_enforced.</param>
/// <param name="Actor">Who did it, where that is an operator.</param>
/// <param name="ClientId">The client.</param>
/// <param name="Subject">The person whom it concerns, by identifier.</param>
/// <param name="Resource">At which MCP server, by its URL.</param>
/// <param name="Tool">Which tool.</param>
/// <param name="Flow">What is common to an authorization and the calls with its tokens.</param>
/// <param name="GrantId">The grant.</param>
/// <param name="TraceId">The request: the reference of a page.</param>
/// <param name="Address">From where it came.</param>
/// <param name="Line">All of it: the line of the security log, which is a JSON object.</param>
internal sealed record AuditRow(
    long Id, string Node, long Sequence, DateTimeOffset Time, string Event, string Level, string Result, string? Actor, string? ClientId, string? Subject, string? Resource, string? Tool, string? Flow, string? GrantId,
    string? TraceId, string? Address, string Line)
{
    public static AuditRow Of(AuditEntry entry) => new(
        entry.Id, entry.Node, entry.Sequence, entry.At, entry.Event, entry.Level, entry.Result, entry.Actor, entry.ClientId, entry.Subject, entry.Resource, entry.Tool, entry.Flow, entry.GrantId, entry.TraceId, entry.Address,
        AuditLine.TextOf(entry));
}

/// <summary>What was found of one chain.</summary>
/// <param name="Node">Which server writes it.</param>
/// <param name="Entries">How many rows were looked at.</param>
/// <param name="Unchained">How many rows no chain proves: of before there were chains.</param>
/// <param name="From">When the first of them happened.</param>
/// <param name="To">When the last of them happened.</param>
/// <param name="PrunedUpTo">Up to which place rows have been deleted because of their age.</param>
/// <param name="Head">The last row, as expect takes it: node, place and hash.</param>
/// <param name="Signature">What is to be said of the signature of the head.</param>
/// <param name="Problem">The first thing that is wrong; absent where nothing is.</param>
internal sealed record AuditChain(string Node, long Entries, long Unchained, DateTimeOffset? From, DateTimeOffset? To, long PrunedUpTo, string? Head, string Signature, string? Problem);

/// <summary>Whether the audit is as it was written.</summary>
/// <param name="IsWhole">Whether nothing is wrong with any chain.</param>
/// <param name="Rows">How many rows were looked at.</param>
/// <param name="Chains">One for each server that writes, or has written.</param>
internal sealed record AuditProof(bool IsWhole, long Rows, IReadOnlyList<AuditChain> Chains);

/// <summary>Reads the audit for an operator: searched, exported, proven (docs/audit.md).</summary>
internal sealed class AuditActs(McpIdentityDbContext db, PreparedSql sql, AuditSearch search, AuditSeal seal, LongWork work)
{
    /// <summary>The newest first.</summary>
    public async Task<AdminPage<AuditRow>> ListAsync(AuditQuestion question, Slice slice, CancellationToken cancellationToken)
    {
        db.AllowLongStatements(); // by what has no index all rows are looked at
        var before = long.TryParse(slice.After, NumberStyles.None, CultureInfo.InvariantCulture, out var id) ? id : (long?)null;
        var rows = await search.PageAsync(await FilterAsync(question, cancellationToken), slice.OneMore, before, cancellationToken);
        return slice.Of([.. rows.Select(AuditRow.Of)], row => row.Id.ToString(CultureInfo.InvariantCulture));
    }

    /// <summary>The oldest first, one by one: however many there are, a page of them is in memory.</summary>
    public async Task ExportAsync(AuditQuestion question, AuditFormat format, Stream to, CancellationToken cancellationToken)
    {
        db.AllowLongStatements(); // a thousand rows of what is rare lie far apart
        await AuditExport.WriteAsync(search.ReadAsync(await FilterAsync(question, cancellationToken), cancellationToken), format, to, cancellationToken);
    }

    /// <param name="expected">Heads that were noted before, as <see cref="AuditChain.Head"/> has them.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public async Task<Outcome<AuditProof>> VerifyAsync(IReadOnlyList<string> expected, CancellationToken cancellationToken)
    {
        if (expected.FirstOrDefault(text => HeadOf(text) is null) is { } wrong)
        {
            return new AdminProblem(AdminProblem.InvalidParameter, StatusCodes.Status400BadRequest, $"{wrong} is not NODE:SEQUENCE:HASH, which is the head of a chain.");
        }

        using var turn = await work.AuditProof.TakeAsync(cancellationToken);
        if (turn is null)
        {
            return work.AuditProof.Refusal;
        }

        db.AllowLongStatements();
        var reports = await new AuditVerification(db, seal).RunAsync(expected.Select(text => HeadOf(text)!.Value).ToLookup(head => head.Node, head => (head.Sequence, head.Hash)), cancellationToken);
        return new AuditProof(
            reports.All(report => report.Problem is null), reports.Sum(report => report.Entries + report.Unchained),
            [.. reports.Select(report => new AuditChain(report.Node, report.Entries, report.Unchained, report.From, report.To, report.PrunedUpTo, report.Head, report.Signature, report.Problem))]);
    }

    private async Task<AuditFilter> FilterAsync(AuditQuestion question, CancellationToken cancellationToken) => new()
    {
        Since = question.Since,
        Until = question.Until,
        Events = question.Events,
        Result = question.Result,
        Actor = question.Actor,
        OnlyActs = question.OnlyActs,
        Clients = question.Client is { } client ? await ClientsAsync(client, cancellationToken) : [],
        Subjects = question.User is { } user ? await SubjectsAsync(user, cancellationToken) : [],
        Resource = question.Resource,
        Tool = question.Tool,
        Address = question.Address,
        Id = question.Id,
        // As it stands in a line: ASCII, with the escapes of JSON.
        Text = question.Text is { } text ? JsonEncodedText.Encode(text).ToString() : null,
    };

    // Who is gone has no name any more, and stands in the audit all the same.
    private async Task<IReadOnlyList<string>> SubjectsAsync(string wanted, CancellationToken cancellationToken) =>
        await OperatorNames.UsersAsync(sql, wanted, cancellationToken) is { Count: > 0 } found ? [.. found.Select(user => user.Id)] : [wanted];

    private async Task<IReadOnlyList<string>> ClientsAsync(string wanted, CancellationToken cancellationToken) =>
        await OperatorNames.ClientsAsync(sql, wanted, cancellationToken) is { Count: > 0 } found ? [.. found] : [wanted];

    private static (string Node, long Sequence, string Hash)? HeadOf(string text) =>
        text.Split(':') is [var node, var number, var hash] && long.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out var sequence) ? (node, sequence, hash) : null;
}
