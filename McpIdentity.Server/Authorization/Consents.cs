using McpIdentity.Migrations;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Clients;
using McpIdentity.Server.Policy;
using Microsoft.EntityFrameworkCore;

namespace McpIdentity.Server.Authorization;

/// <summary>
/// What people have allowed, per user, client, place where the answer goes, resource and scope (docs/decisions/0001). Of a
/// client that is asked about each time nothing is kept, nor of one that the operator approved.
/// </summary>
internal sealed class Consents(McpIdentityDbContext db, RememberedScopes remembered, ConsentOffers offers, TimeProvider time)
{
    /// <summary>What holds without a question: the operator's answer, or what the person has allowed this client before at this resource, with the answer going there.</summary>
    /// <returns>Null unless that is all that is asked for.</returns>
    public async Task<ConsentChoice?> RecallAsync(string userId, PolicyCaller caller, PendingAuthorization request, CancellationToken cancellationToken)
    {
        var asked = request.Scopes.Split(' ');
        if (request.Approval != Approval.Remembered)
        {
            return request.Approval == Approval.ByOperator ? new ConsentChoice(asked, null, StaysConnected: true) : null;
        }

        return await remembered.FindAsync(userId, request.ClientId, request.RedirectUri, request.Resource, cancellationToken) is { } allowed && asked.All(allowed.Scopes.Contains) &&
            (allowed.Tools is not null || offers.AskedAt(request.Resource, caller).Count == 0) // tools that are asked for by name, of which this person has not been asked
            ? new ConsentChoice(asked, allowed.Tools, StaysConnected: true)
            : null;
    }

    /// <summary>Whether something of that person and client has been ended after a moment, by whomever: a decision from before counts no more.</summary>
    public Task<bool> WereEndedSinceAsync(DateTimeOffset moment, string userId, string clientId, CancellationToken cancellationToken) =>
        db.Grants.AnyAsync(grant => grant.UserId == userId && grant.ClientId == clientId && grant.RevokedAt > moment, cancellationToken);

    /// <summary>
    /// Remembers what was chosen beside what was allowed earlier, in place of what the page offered. A client that is not to stay
    /// connected is not remembered at all.
    /// </summary>
    /// <returns>The choice with all tools that the client has from now on: those that the page did not show stay as they were.</returns>
    public async Task<ConsentChoice> GrantAsync(
        string userId, PendingAuthorization request, ConsentOffer offer, ConsentChoice choice, CancellationToken cancellationToken)
    {
        if (request.Approval == Approval.ByOperator)
        {
            return choice;
        }

        var id = IdOf(userId, request);
        if (request.Approval == Approval.EachTime || !choice.StaysConnected)
        {
            if (request.Approval == Approval.Remembered)
            {
                // What was allowed earlier would give it refresh tokens after all, without a question.
                await db.WriteAsync(() => ConsentOf(id).ExecuteDeleteAsync(cancellationToken), cancellationToken);
            }

            return choice with { Tools = ToolsAfter(request.Resource, offer, choice, earlier: null, choice.Scopes) };
        }

        while (true)
        {
            var earlier = await ConsentOf(id).Select(consent => new Allowed(consent.Scopes, consent.Tools)).FirstOrDefaultAsync(cancellationToken);
            string[] scopes = [.. (earlier?.Scopes.Split(' ') ?? []).Except(offer.Scopes).Concat(choice.Scopes)];
            var now = choice with { Tools = ToolsAfter(request.Resource, offer, choice, earlier, scopes) };
            // Unless another tab has allowed more meanwhile: then with that.
            if (earlier is null
                ? await TryInsertAsync(id, userId, request, now, cancellationToken)
                : await TryReplaceAsync(id, earlier, scopes, now, cancellationToken))
            {
                return now;
            }
        }
    }

    // Null where nothing is refused that the scopes open, so that a tool which is added tomorrow is theirs too. Where some were taken
    // away earlier, only a page that showed one of those gives them back: a tool may be away for a while, or too long a list for boxes.
    // Where policy asks for some, all are named: without names those would not be theirs.
    private string[]? ToolsAfter(string resource, ConsentOffer offer, ConsentChoice choice, Allowed? earlier, IReadOnlyCollection<string> scopes)
    {
        if (choice.Tools is null)
        {
            return null;
        }

        string[] offered = [.. offer.Tools.Select(tool => tool.Name)];
        var list = RememberedScopes.ParseTools(earlier?.Tools);
        var had = earlier is null ? [] : list ?? CallableWith(resource, earlier.Scopes.Split(' '), offer.Caller).Except(offer.Asked).ToArray();
        string[] left = [.. choice.Tools.Concat(had.Except(offered)).Order(StringComparer.Ordinal)];
        if ((list is not null && offered.All(list.Contains)) || offer.Asked.Count > 0)
        {
            return left;
        }

        return offered.Concat(CallableWith(resource, scopes, offer.Caller)).All(left.Contains) ? null : left;
    }

    private string[] CallableWith(string resource, IReadOnlyCollection<string> scopes, PolicyCaller? caller) => [.. offers.CallableWith(resource, scopes, caller).Select(tool => tool.Name)];

    private async Task<bool> TryReplaceAsync(string id, Allowed earlier, string[] scopes, ConsentChoice choice, CancellationToken cancellationToken)
    {
        var (all, last, tools) = (string.Join(' ', scopes), string.Join(' ', choice.Scopes), Lines(choice.Tools));
        return await db.WriteAsync(
            () => ConsentOf(id).Where(consent => consent.Scopes == earlier.Scopes && consent.Tools == earlier.Tools).ExecuteUpdateAsync(set => set
                .SetProperty(consent => consent.Scopes, all)
                .SetProperty(consent => consent.LastScopes, last)
                .SetProperty(consent => consent.Tools, tools)
                .SetProperty(consent => consent.GrantedAt, time.GetUtcNow()), cancellationToken), cancellationToken) == 1;
    }

    // False when another tab of the same person was faster.
    private async Task<bool> TryInsertAsync(string id, string userId, PendingAuthorization request, ConsentChoice choice, CancellationToken cancellationToken)
    {
        var scopes = string.Join(' ', choice.Scopes);
        db.Consents.Add(new Consent
        {
            Id = id,
            UserId = userId,
            ClientId = request.ClientId,
            RedirectUri = RedirectUris.WithoutLoopbackPort(request.RedirectUri),
            Resource = request.Resource,
            Scopes = scopes,
            LastScopes = scopes,
            Tools = Lines(choice.Tools),
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

    private static string? Lines(IReadOnlyList<string>? tools) => tools is null ? null : string.Join('\n', tools);

    private IQueryable<Consent> ConsentOf(string id) => db.Consents.AsNoTracking().Where(consent => consent.Id == id);

    private static string IdOf(string userId, PendingAuthorization request) =>
        RememberedScopes.IdOf(userId, request.ClientId, request.RedirectUri, request.Resource);

    private sealed record Allowed(string Scopes, string? Tools);
}
