using System.Text;
using McpIdentity.Migrations;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Revocation;
using Microsoft.EntityFrameworkCore;

namespace McpIdentity.Server.Policy;

/// <summary>The versions that operators have applied: each a document, of which the last is in force on every node.</summary>
internal sealed class StoredPolicies(McpIdentityDbContext db, PolicyInForce inForce, PolicyFeed feed, RevocationSignals signals, TimeProvider time)
{
    /// <summary>Puts a document in force, here at once and elsewhere within seconds.</summary>
    /// <param name="document">As it was handed in.</param>
    /// <param name="actor">Who applies it.</param>
    /// <param name="note">What they say about it.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    /// <returns>The new version, or all that is wrong with the document.</returns>
    public async Task<(PolicyVersion? Applied, IReadOnlyList<string> Problems)> ApplyAsync(byte[] document, string actor, string? note, CancellationToken cancellationToken)
    {
        string[] problems = [.. PolicyCheck.Problems(PolicyDocument.Parse(PolicyDocument.Stored, document), inForce.Above(file: false))];
        if (problems.Length > 0)
        {
            return (null, problems);
        }

        var version = new PolicyVersion
        {
            Document = Encoding.UTF8.GetString(document).TrimStart('\uFEFF'),
            At = time.GetUtcNow(),
            Actor = StorableText.ForDisplay(actor, McpIdentityDbContext.Lengths.Text) ?? "",
            Note = StorableText.ForDisplay(note, McpIdentityDbContext.Lengths.Text),
        };
        db.PolicyVersions.Add(version);
        await db.SaveChangesAsync(cancellationToken);
        await feed.LoadAsync(cancellationToken);
        await signals.SendAsync(db, PolicyFeed.Signal);
        return (version, []);
    }

    /// <summary>One of them; null where there is none.</summary>
    /// <param name="number">Its number, or null for the one in force.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    public Task<PolicyVersion?> FindAsync(long? number, CancellationToken cancellationToken) => db.PolicyVersions.AsNoTracking()
        .Where(version => number == null || version.Id == number).OrderByDescending(version => version.Id).FirstOrDefaultAsync(cancellationToken);
}
