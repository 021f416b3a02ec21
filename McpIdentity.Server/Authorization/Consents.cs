using McpIdentity.Migrations;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Clients;
using Microsoft.EntityFrameworkCore;

namespace McpIdentity.Server.Authorization;

/// <summary>
/// What people have allowed, per user, client, place where the answer goes, resource and scope (docs/decisions/0001). Of a
/// client that is asked about each time nothing is kept.
/// </summary>
internal sealed class Consents(McpIdentityDbContext db, RememberedScopes remembered, TimeProvider time)
{
    /// <summary>Whether the person has allowed this client all of these scopes at this resource before, with the answer going there.</summary>
    public async Task<bool> CoverAsync(string userId, PendingAuthorization request, CancellationToken cancellationToken)
    {
        if (request.Approval == Approval.EachTime)
        {
            return false;
        }

        var granted = await remembered.FindAsync(userId, request.ClientId, request.RedirectUri, request.Resource, cancellationToken);
        return granted is not null && request.Scopes.Split(' ').All(granted.Scopes.Contains);
    }

    /// <summary>Remembers the request's scopes beside those allowed earlier.</summary>
    public async Task GrantAsync(string userId, PendingAuthorization request, CancellationToken cancellationToken)
    {
        if (request.Approval == Approval.EachTime)
        {
            return;
        }

        var id = IdOf(userId, request);
        while (true)
        {
            var granted = await ConsentOf(id).Select(consent => consent.Scopes).FirstOrDefaultAsync(cancellationToken);
            if (granted is null)
            {
                if (await TryInsertAsync(id, userId, request, cancellationToken))
                {
                    return;
                }

                continue;
            }

            // Unless another tab has allowed more meanwhile: then with that.
            var scopes = string.Join(' ', granted.Split(' ').Union(request.Scopes.Split(' ')));
            if (await db.WriteAsync(() => ConsentOf(id).Where(consent => consent.Scopes == granted).ExecuteUpdateAsync(set => set
                .SetProperty(consent => consent.Scopes, scopes)
                .SetProperty(consent => consent.LastScopes, request.Scopes)
                .SetProperty(consent => consent.GrantedAt, time.GetUtcNow()), cancellationToken), cancellationToken) == 1)
            {
                return;
            }
        }
    }

    // False when another tab of the same person was faster.
    private async Task<bool> TryInsertAsync(string id, string userId, PendingAuthorization request, CancellationToken cancellationToken)
    {
        db.Consents.Add(new Consent
        {
            Id = id,
            UserId = userId,
            ClientId = request.ClientId,
            RedirectUri = RedirectUris.WithoutLoopbackPort(request.RedirectUri),
            Resource = request.Resource,
            Scopes = request.Scopes,
            LastScopes = request.Scopes,
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
            if (await ConsentOf(id).AnyAsync(cancellationToken))
            {
                return false;
            }

            throw;
        }
    }

    private IQueryable<Consent> ConsentOf(string id) => db.Consents.AsNoTracking().Where(consent => consent.Id == id);

    private static string IdOf(string userId, PendingAuthorization request) =>
        RememberedScopes.IdOf(userId, request.ClientId, request.RedirectUri, request.Resource);
}
