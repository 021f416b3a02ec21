using System.Collections.Concurrent;
using McpIdentity.Mcp;
using McpIdentity.Persistence;
using Microsoft.EntityFrameworkCore;
using OpenIddict.Abstractions;
using OpenIddict.EntityFrameworkCore.Models;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace McpIdentity.Server.Tokens;

/// <summary>
/// The grants that have ended before their access tokens expire, in memory: validating a token costs no query. The
/// database keeps the truth (a revoked authorization); a start reads it.
/// </summary>
internal sealed class RevokedGrants : IMcpSessionStore
{
    private readonly ConcurrentDictionary<string, byte> _ended = new(StringComparer.Ordinal);

    public bool Contains(string? id) => id is not null && _ended.ContainsKey(id);

    /// <summary>Remembers a grant or a sign-in session that has ended.</summary>
    public void Add(string id) => _ended.TryAdd(id, 0);

    public ValueTask<bool> IsAliveAsync(string sessionId, string? grantId, string? tokenId, CancellationToken cancellationToken) =>
        new(!Contains(sessionId) && !Contains(grantId));

    public async Task LoadAsync(McpIdentityDbContext db, CancellationToken cancellationToken)
    {
        var revoked = db.Set<OpenIddictEntityFrameworkCoreAuthorization>().AsNoTracking()
            .Where(grant => grant.Status == Statuses.Revoked).Select(grant => grant.Id!);
        await foreach (var id in revoked.AsAsyncEnumerable().WithCancellation(cancellationToken))
        {
            Add(id);
        }
    }

    /// <summary>Ends one grant: its refresh tokens in the database, its access tokens here.</summary>
    public async Task RevokeAsync(
        string grantId, IOpenIddictTokenManager tokens, IOpenIddictAuthorizationManager authorizations, CancellationToken cancellationToken)
    {
        await tokens.RevokeByAuthorizationIdAsync(grantId, cancellationToken);
        if (await authorizations.FindByIdAsync(grantId, cancellationToken) is { } authorization)
        {
            await authorizations.TryRevokeAsync(authorization, cancellationToken);
        }

        Add(grantId);
    }
}
