using McpIdentity.Migrations;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Persistence;
using McpIdentity.Server.Revocation;
using Microsoft.EntityFrameworkCore;

namespace McpIdentity.Server.Catalogue;

/// <summary>What operators say of tools: each acts on every node within seconds.</summary>
internal sealed class ToolReviews(McpIdentityDbContext db, RevocationSignals signals, TimeProvider time)
{
    /// <summary>Lets tools be used as they were seen last, in any mode.</summary>
    /// <param name="server">Whose.</param>
    /// <param name="tools">Their names, each with the hash of what was looked at; null: whatever it is by now.</param>
    /// <param name="actor">Who says so.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>The names of those that are so now.</returns>
    public Task<IReadOnlyList<string>> AllowAsync(string server, IReadOnlyDictionary<string, string?> tools, string actor, CancellationToken cancellationToken) =>
        ChangeAsync(server, tools, actor, GatewayToolState.Allowed, cancellationToken);

    /// <summary>Keeps tools from everybody, in any mode, until they are allowed.</summary>
    /// <inheritdoc cref="AllowAsync"/>
    public Task<IReadOnlyList<string>> BlockAsync(string server, IEnumerable<string> tools, string actor, CancellationToken cancellationToken) =>
        ChangeAsync(server, tools.Distinct(StringComparer.Ordinal).ToDictionary(tool => tool, _ => (string?)null, StringComparer.Ordinal), actor, GatewayToolState.Blocked, cancellationToken);

    private async Task<IReadOnlyList<string>> ChangeAsync(
        string server, IReadOnlyDictionary<string, string?> tools, string actor, GatewayToolState state, CancellationToken cancellationToken)
    {
        var changed = new List<string>();
        await db.WriteAsync(async () =>
        {
            changed.Clear();
            await using var transaction = await db.BeginExclusiveAsync(CatalogueFeed.LockName, cancellationToken);
            string[] names = [.. tools.Keys];
            foreach (var row in await db.GatewayTools.Where(row => row.Server == server && names.Contains(row.Name)).ToListAsync(cancellationToken))
            {
                if (tools[row.Name] is { } looked && looked != row.Hash)
                {
                    continue; // it is another by now than the one that was looked at
                }

                row.State = state;
                (row.ReviewedAt, row.ReviewedBy) = (time.GetUtcNow(), StorableText.ForDisplay(actor, McpIdentityDbContext.Lengths.Text));
                if (state == GatewayToolState.Allowed)
                {
                    (row.ReviewedHash, row.TrustedDocument) = (row.Hash, null);
                }

                changed.Add(row.Name);
            }

            var written = await db.SaveChangesAsync(cancellationToken);
            await transaction.CommitAsync(cancellationToken);
            return written;
        }, cancellationToken);
        await signals.SendAsync(db, CatalogueFeed.Signal);
        return changed;
    }
}
