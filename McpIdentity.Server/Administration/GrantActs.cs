using System.Data.Common;
using McpIdentity.Mcp.Audit;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Administration.Api;
using McpIdentity.Server.Persistence;
using McpIdentity.Server.Revocation;
using McpIdentity.Server.Tokens;
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
internal sealed class GrantActs(PreparedSql sql, GrantClaims claims, Revocations revocations, OperatorRecord record, TimeProvider time)
{
    // What a grant is for is encrypted: for a resource that few or none are for, all would be opened for each page.
    private const int MaxLooked = 2000;

    private const string Select = """
        SELECT g."Id", g."UserId", p."Email", g."ClientId", c."DisplayName", g."SessionId", g."CreatedAt", g."RotatedAt", g."ExpiresAt", g."ProtectedClaims"
            FROM "Grants" g LEFT JOIN "Users" p ON p."Id" = g."UserId" LEFT JOIN "OpenIddictApplications" c ON c."ClientId" = g."ClientId"
        """;

    private const string Count = """SELECT COUNT(*) FROM "Grants" g""";

    private const string SelectWhose = """SELECT "UserId", "ClientId" FROM "Grants" WHERE "Id" = $1""";

    /// <summary>Those that live, the newest first. A page of those for a resource may have few, or none, and go on all the same.</summary>
    public async Task<Outcome<AdminPage<GrantView>>> ListAsync(GrantFilter filter, Slice slice, CancellationToken cancellationToken)
    {
        var (chosen, problem) = await ChooseAsync(filter, cancellationToken);
        if (problem is not null)
        {
            return problem;
        }

        var query = Living(Select, chosen!);
        if (MomentKey.Parse(slice.After) is var (at, name))
        {
            query.Where($"""g."CreatedAt" < {at} OR (g."CreatedAt" = {at} AND g."Id" > {Grant.ParseName(name) ?? []})""");
        }

        var most = filter.Resource is null || slice.Limit == int.MaxValue ? slice.OneMore : MaxLooked;
        var (looked, last, found) = (0, default(MomentKey), new List<GrantView>());
        await sql.ListAsync(query.Then($""" ORDER BY g."CreatedAt" DESC, g."Id" LIMIT {most}"""), row =>
        {
            if (found.Count < slice.OneMore && Read(row) is var view && (filter.Resource is null || view.Resource == filter.Resource))
            {
                found.Add(view);
            }

            last = new MomentKey(sql.Moment(row, 6), Grant.NameOf(row.GetFieldValue<byte[]>(0)));
            return ++looked;
        }, cancellationToken);
        return found.Count < slice.OneMore && looked == MaxLooked && most == MaxLooked
            ? new AdminPage<GrantView>(found, last.ToString())
            : slice.Of(found, view => new MomentKey(view.GrantedAt, view.Id).ToString());
    }

    /// <summary>One that lives.</summary>
    public async Task<Outcome<GrantView>> FindAsync(string name, CancellationToken cancellationToken) =>
        Grant.ParseName(name) is { } id && await sql.ListAsync(Living(Select, new Chosen(null, null)).Where($"""g."Id" = {id}"""), Read, cancellationToken) is [var found] ? found : AdminProblem.NotFound("grant", name);

    /// <summary>Ends one: its code or refresh token, its access tokens, and the consent that it came from.</summary>
    public async Task<Outcome<string>> RevokeAsync(Operator by, string name, CancellationToken cancellationToken)
    {
        if (Grant.ParseName(name) is not { } id || await sql.ReadAsync(SelectWhose, [id], row => new Chosen(row.GetString(0), row.GetString(1)), cancellationToken) is not { } whose)
        {
            return AdminProblem.NotFound("grant", name);
        }

        await revocations.RevokeGrantAsync(id);
        await record.WriteAsync(by, SecurityEvent.Success("grant_revoked") with { GrantId = name, ClientId = whose.ClientId, Subject = whose.UserId });
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
            count = (await sql.ListAsync(Living(Count, chosen), row => (int)row.GetInt64(0), cancellationToken))[0];
            await (userId is null ? revocations.RevokeClientAsync(clientId!) : revocations.DisconnectAsync(userId, clientId is null ? null : [clientId]));
        }

        await record.WriteAsync(by, SecurityEvent.Success("grants_revoked") with { Subject = userId, ClientId = clientId, Reason = filter.Resource is { } resource ? $"at {resource}" : null, Count = count });
        return count;
    }

    private async Task<Outcome<Chosen>> ChooseAsync(GrantFilter filter, CancellationToken cancellationToken)
    {
        var (user, unknownUser) = filter.User is { } who ? await OperatorNames.UserAsync(sql, who, cancellationToken) : default;
        var (client, unknownClient) = filter.Client is { } which ? await OperatorNames.ClientAsync(sql, which, cancellationToken) : default;
        return (unknownUser ?? unknownClient) is { } problem ? problem : new Chosen(user?.Id, client);
    }

    private ListQuery Living(string select, Chosen chosen)
    {
        var query = new ListQuery(select).Where($"""g."RevokedAt" IS NULL AND g."ExpiresAt" > {time.GetUtcNow()}""");
        query = chosen.UserId is { } userId ? query.Where($"""g."UserId" = {userId}""") : query;
        return chosen.ClientId is { } clientId ? query.Where($"""g."ClientId" = {clientId}""") : query;
    }

    private GrantView Read(DbDataReader row) => ViewOf(
        new Grant
        {
            Id = row.GetFieldValue<byte[]>(0),
            UserId = row.GetString(1),
            ClientId = row.GetString(3),
            SessionId = row.GetString(5),
            CreatedAt = sql.Moment(row, 6),
            RotatedAt = sql.Moment(row, 7),
            ExpiresAt = sql.Moment(row, 8),
            ProtectedClaims = row.GetString(9),
        },
        row.IsDBNull(2) ? null : row.GetString(2), row.IsDBNull(4) ? null : row.GetString(4));

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
