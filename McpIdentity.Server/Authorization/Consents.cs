using McpIdentity.Migrations;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Persistence;
using Microsoft.EntityFrameworkCore;

namespace McpIdentity.Server.Authorization;

/// <summary>What people have allowed, per user, client, scope and resource.</summary>
internal sealed class Consents(McpIdentityDbContext db, PreparedSql sql, TimeProvider time)
{
    private const string SelectScopes = """
        SELECT "Scopes" FROM "Consents" WHERE "UserId" = $1 AND "ClientId" = $2 AND "Resource" = $3
        """;

    /// <summary>Whether the person has allowed this client all of these scopes at this resource before.</summary>
    public async Task<bool> CoverAsync(string userId, PendingAuthorization request, CancellationToken cancellationToken)
    {
        var granted = await sql.ReadAsync(SelectScopes, [userId, request.ClientId, request.Resource], row => row.GetString(0), cancellationToken);
        return granted is not null && request.Scopes.Split(' ').All(granted.Split(' ').Contains);
    }

    /// <summary>Remembers the request's scopes beside those allowed earlier.</summary>
    public async Task GrantAsync(string userId, PendingAuthorization request, CancellationToken cancellationToken)
    {
        while (true)
        {
            var granted = await ConsentsFor(userId, request).Select(consent => consent.Scopes).FirstOrDefaultAsync(cancellationToken);
            if (granted is null)
            {
                if (await TryInsertAsync(userId, request, cancellationToken))
                {
                    return;
                }

                continue;
            }

            // Unless another tab has allowed more meanwhile: then with that.
            var scopes = string.Join(' ', granted.Split(' ').Union(request.Scopes.Split(' ')));
            if (await db.WriteAsync(() => ConsentsFor(userId, request).Where(consent => consent.Scopes == granted).ExecuteUpdateAsync(set => set
                .SetProperty(consent => consent.Scopes, scopes)
                .SetProperty(consent => consent.GrantedAt, time.GetUtcNow()), cancellationToken), cancellationToken) == 1)
            {
                return;
            }
        }
    }

    // False when another tab of the same person was faster.
    private async Task<bool> TryInsertAsync(string userId, PendingAuthorization request, CancellationToken cancellationToken)
    {
        db.Consents.Add(new Consent
        {
            UserId = userId,
            ClientId = request.ClientId,
            Resource = request.Resource,
            Scopes = request.Scopes,
            GrantedAt = time.GetUtcNow(),
        });
        try
        {
            await db.SaveChangesAsync(cancellationToken);
            return true;
        }
        catch (DbUpdateException)
        {
            db.ChangeTracker.Clear();
            if (await ConsentsFor(userId, request).AnyAsync(cancellationToken))
            {
                return false;
            }

            throw;
        }
    }

    private IQueryable<Consent> ConsentsFor(string userId, PendingAuthorization request) => db.Consents.AsNoTracking().Where(consent =>
        consent.UserId == userId && consent.ClientId == request.ClientId && consent.Resource == request.Resource);
}
