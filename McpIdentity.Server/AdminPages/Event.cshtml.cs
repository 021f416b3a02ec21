using System.Globalization;
using McpIdentity.Migrations;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Administration;
using McpIdentity.Server.Audit;
using McpIdentity.Server.Protocol;
using Microsoft.AspNetCore.Mvc;
using Microsoft.EntityFrameworkCore;

namespace McpIdentity.Server.AdminPages;

/// <summary>One row of the audit: all that it says, and where to look further.</summary>
[Address(Reader.People, "GET HEAD", Bucket = "account", TakesForms = true, HasScript = true)]
internal sealed class EventModel(McpIdentityDbContext db) : ConsolePage
{
    private const string Path = Paths.Console + "/event";

    public override string Section => AuditModel.Path;

    protected override AdminRight ToRead => AdminRight.ReadAudit;

    [BindProperty(Name = "id", SupportsGet = true)]
    public string? Id { get; set; }

    public AuditEntry Row { get; private set; } = null!;

    /// <summary>What the person whom it concerns is called, where they are still known.</summary>
    public string? Whose { get; private set; }

    /// <summary>What its line says beyond the rest of the page.</summary>
    public IReadOnlyList<(string Name, string Value)> Members { get; private set; } = [];

    public static string AddressOf(long id) => $"{Path}?id={id.ToString(CultureInfo.InvariantCulture)}";

    public async Task<IActionResult> OnGetAsync(CancellationToken cancellationToken)
    {
        if (!long.TryParse(Id, NumberStyles.None, CultureInfo.InvariantCulture, out var id) || await db.AuditEntries.Where(row => row.Id == id).Readable().FirstOrDefaultAsync(cancellationToken) is not { } entry)
        {
            return Missing();
        }

        Row = entry;
        Whose = entry.Subject is null ? null : await db.Users.Where(user => user.Id == entry.Subject).Select(user => user.Email ?? user.Name).FirstOrDefaultAsync(cancellationToken);
        using var line = AuditLine.Read(entry);
        Members = [.. line.RootElement.EnumerateObject().Where(member => !Said.Contains(member.Name)).Select(member => (member.Name.Replace('_', ' '), member.Value.ToString()))];
        return Page();
    }

    private static readonly string[] Said = ["time", "event", "level", "result", "actor", "client_id", "subject", "resource", "tool", "flow", "grant_id", "trace_id", "address"];
}
