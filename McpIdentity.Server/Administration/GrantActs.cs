using McpIdentity.Mcp.Audit;
using McpIdentity.Migrations;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Administration.Api;
using McpIdentity.Server.Revocation;
using McpIdentity.Server.Tokens;
using Microsoft.EntityFrameworkCore;
using OpenIddict.Abstractions;

namespace McpIdentity.Server.Administration;

/// <summary>Which grants. A member that is absent matches all.</summary>
/// <param name="User">Whose: identifier, e-mail address or name.</param>
/// <param name="Client">To whom: <c>client_id</c> or name.</param>
/// <param name="Resource">For which MCP server: the audience of its tokens.</param>
internal sealed record GrantFilter(string? User = null, string? Client = null, string? Resource = null)
{
    public bool IsEmpty => (User ?? Client ?? Resource) is null;
}

/// <summary>What a person has granted to a client at one moment, and still holds.</summary>
/// <param name="Id">As it stands in its access tokens (<c>oi_au_id</c>).</param>
/// <param name="UserId">Whose.</param>
/// <param name="Email">Their e-mail address.</param>
/// <param name="ClientId">To which client.</param>
/// <param name="ClientName">What it is called.</param>
/// <param name="SessionId">From which sign-in session.</param>
/// <param name="GrantedAt">When.</param>
/// <param name="RefreshedAt">When its refresh token last changed.</param>
/// <param name="ExpiresAt">Until when it can be refreshed.</param>
/// <param name="Resource">The audience of its tokens; null where its encryption key is gone.</param>
/// <param name="Scopes">What its tokens allow there.</param>
[ChangesByUse("refreshed_at", "expires_at")]
internal sealed record GrantView(
    string Id, string UserId, string? Email, string ClientId, string? ClientName, string SessionId, DateTimeOffset GrantedAt, DateTimeOffset RefreshedAt, DateTimeOffset ExpiresAt,
    string? Resource, IReadOnlyList<string> Scopes);

/// <summary>What people have granted to clients, and how it ends.</summary>
internal sealed class GrantActs(McpIdentityDbContext db, GrantClaims claims, Revocations revocations, OperatorRecord record, TimeProvider time)
{
    // What a grant is for is encrypted: for a resource that few or none are for, all would be opened for each page.
    private const int MaxLooked = 2000;

    /// <summary>Those that live, the newest first. A page of those for a resource may have few, or none, and go on all the same.</summary>
    public async Task<Outcome<AdminPage<GrantView>>> ListAsync(GrantFilter filter, Slice slice, CancellationToken cancellationToken)
    {
        var (chosen, problem) = await ChooseAsync(filter, cancellationToken);
        if (problem is not null)
        {
            return problem;
        }

        var (after, found, looked) = (MomentKey.Parse(slice.After), new List<GrantView>(), 0);
        var rows = Living(chosen!);
        rows = after is { } last ? rows.Where(grant => grant.CreatedAt <= last.At) : rows;
        var seen = after is { } key ? Grant.ParseName(key.Name) : null;
        var read = rows.OrderByDescending(grant => grant.CreatedAt).ThenBy(grant => grant.Id).Select(grant => new
        {
            Row = grant,
            db.Users.FirstOrDefault(user => user.Id == grant.UserId)!.Email,
            Client = db.Clients.FirstOrDefault(client => client.ClientId == grant.ClientId)!.DisplayName,
        });
        await foreach (var one in read.AsAsyncEnumerable().WithCancellation(cancellationToken))
        {
            // Of one moment there are few, and no database that compares bytes for LINQ.
            var wasSeen = after?.At == one.Row.CreatedAt && one.Row.Id.AsSpan().SequenceCompareTo(seen) <= 0;
            if (!wasSeen && ViewOf(one.Row, one.Email, one.Client) is var view && (filter.Resource is null || view.Resource == filter.Resource))
            {
                found.Add(view);
            }

            if (found.Count >= slice.OneMore)
            {
                break;
            }

            if (++looked == MaxLooked && slice.Limit < int.MaxValue)
            {
                return new AdminPage<GrantView>(found, new MomentKey(one.Row.CreatedAt, Grant.NameOf(one.Row.Id)).ToString());
            }
        }

        return slice.Of(found, view => new MomentKey(view.GrantedAt, view.Id).ToString());
    }

    /// <summary>One that lives.</summary>
    public async Task<Outcome<GrantView>> FindAsync(string name, CancellationToken cancellationToken)
    {
        if (Grant.ParseName(name) is not { } id || await Living(new Chosen(null, null)).SingleOrDefaultAsync(grant => grant.Id == id, cancellationToken) is not { } grant)
        {
            return AdminProblem.NotFound("grant", name);
        }

        var email = await db.Users.Where(user => user.Id == grant.UserId).Select(user => user.Email).FirstOrDefaultAsync(cancellationToken);
        return ViewOf(grant, email, await db.Clients.Where(client => client.ClientId == grant.ClientId).Select(client => client.DisplayName).FirstOrDefaultAsync(cancellationToken));
    }

    /// <summary>Ends one: its code or refresh token, its access tokens, and the consent that it came from.</summary>
    public async Task<Outcome<string>> RevokeAsync(Operator by, string name, CancellationToken cancellationToken)
    {
        if (Grant.ParseName(name) is not { } id || await db.Grants.AsNoTracking().SingleOrDefaultAsync(row => row.Id == id, cancellationToken) is not { } grant)
        {
            return AdminProblem.NotFound("grant", name);
        }

        await revocations.RevokeGrantAsync(id);
        await record.WriteAsync(by, SecurityEvent.Success("grant_revoked") with { GrantId = name, ClientId = grant.ClientId, Subject = grant.UserId });
        return name;
    }

    /// <summary>Ends all of a selection, which must say something.</summary>
    /// <returns>How many there were.</returns>
    public async Task<Outcome<int>> RevokeAllAsync(Operator by, GrantFilter filter, CancellationToken cancellationToken)
    {
        if (filter.IsEmpty)
        {
            return AdminProblem.Invalid(("user", "Name a user, a client or a resource: all grants of everybody are not ended by an oversight."));
        }

        var (chosen, problem) = await ChooseAsync(filter, cancellationToken);
        if (problem is not null)
        {
            return problem;
        }

        var (userId, clientId) = (chosen!.UserId, chosen.ClientId);
        var count = 0;
        if (filter.Resource is not null)
        {
            // What a grant is for stands in its claims, which are encrypted: one after the other.
            foreach (var grant in (await ListAsync(filter, Slice.All, cancellationToken)).Value!.Items)
            {
                await revocations.RevokeGrantAsync(Grant.ParseName(grant.Id)!);
                count++;
            }
        }
        else
        {
            count = await Living(chosen).CountAsync(cancellationToken);
            await (userId is null ? revocations.RevokeClientAsync(clientId!) : revocations.DisconnectAsync(userId, clientId is null ? null : [clientId]));
        }

        await record.WriteAsync(by, SecurityEvent.Success("grants_revoked") with { Subject = userId, ClientId = clientId, Reason = filter.Resource is { } resource ? $"at {resource}" : null, Count = count });
        return count;
    }

    private async Task<Outcome<Chosen>> ChooseAsync(GrantFilter filter, CancellationToken cancellationToken)
    {
        var (user, unknownUser) = filter.User is { } who ? await OperatorNames.UserAsync(db, who, cancellationToken) : default;
        var (client, unknownClient) = filter.Client is { } which ? await OperatorNames.ClientAsync(db, which, cancellationToken) : default;
        return (unknownUser ?? unknownClient) is { } problem ? problem : new Chosen(user?.Id, client?.ClientId);
    }

    private IQueryable<Grant> Living(Chosen chosen)
    {
        var (userId, clientId, now) = (chosen.UserId, chosen.ClientId, time.GetUtcNow());
        return db.Grants.AsNoTracking().Where(grant => grant.RevokedAt == null && grant.ExpiresAt > now)
            .Where(grant => (userId == null || grant.UserId == userId) && (clientId == null || grant.ClientId == clientId));
    }

    /// <summary>What a row says.</summary>
    public GrantView ViewOf(Grant grant, string? email = null, string? clientName = null)
    {
        var granted = claims.Unprotect(grant.ProtectedClaims, forCode: false);
        return new GrantView(
            Grant.NameOf(grant.Id), grant.UserId, email, grant.ClientId, clientName, grant.SessionId, grant.CreatedAt, grant.RotatedAt, grant.ExpiresAt,
            granted?.GetResources().FirstOrDefault(), granted is null ? [] : [.. granted.GetScopes()]);
    }

    private sealed record Chosen(string? UserId, string? ClientId);
}
