using McpIdentity.Migrations;
using McpIdentity.Server.Clients.Statements;
using McpIdentity.Server.Persistence;
using McpIdentity.Server.Settings;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using OpenIddict.Abstractions;
using OpenIddict.EntityFrameworkCore.Models;

namespace McpIdentity.Server.Clients;

/// <summary>Stores clients that nobody configured, with what we keep beside OpenIddict's columns.</summary>
internal sealed class ClientRows(
    IOpenIddictApplicationManager clients, InitialAccessTokens tokens, PreparedSql sql, McpIdentityDbContext db, IOptions<OAuthServerOptions> options, TimeProvider time)
{
    /// <param name="descriptor">What is stored.</param>
    /// <param name="secret">Its secret, of which a hash is stored.</param>
    /// <param name="token">The initial access token that vouches for it.</param>
    /// <param name="cancellationToken">Ends the work.</param>
    /// <returns>Whether it waits for an operator; null when the token has no use left, and nothing was stored.</returns>
    public async Task<bool?> AddAsync(ClientDescriptor descriptor, string? secret, InitialAccessTokens.Presented? token, CancellationToken cancellationToken)
    {
        if (token is not null)
        {
            InitialAccessTokens.Store(descriptor.Properties, token.Name);
        }

        if (token is { Id: { } counted })
        {
            // In one transaction: no use is counted without its client, and no client is there without its use.
            return await sql.WriteTogetherAsync(tokens.Spend(counted), (ClientStatements.Insert, await ValuesAsync(descriptor, secret, waits: false, cancellationToken))) ? false : null;
        }

        // Whom a token vouches for, or a statement of somebody whom the operator trusts, the operator has let in.
        var waits = token is null && SoftwareStatement.Of(descriptor.Properties) is not { Vouches: true } && options.Value.Registration.PolicyInForce() == RegistrationPolicy.Approval;
        await AddAsync(descriptor, secret, waits, cancellationToken);
        return waits;
    }

    /// <param name="waits">Whether it waits for an operator.</param>
    /// <inheritdoc cref="AddAsync(ClientDescriptor, string?, InitialAccessTokens.Presented?, CancellationToken)"/>
    /// <exception cref="System.Data.Common.DbException">There is one of this identifier (<see cref="StorageFaults.IsTaken"/>).</exception>
    public async Task AddAsync(ClientDescriptor descriptor, string? secret, bool waits, CancellationToken cancellationToken) =>
        await sql.WriteAsync(ClientStatements.Insert, await ValuesAsync(descriptor, secret, waits, cancellationToken));

    /// <summary>Replaces what is stored of a client.</summary>
    /// <param name="stored">The client, as the store found it.</param>
    /// <param name="descriptor">What is stored from now on.</param>
    /// <param name="waits">From now on it waits for an operator; otherwise it goes on as it was.</param>
    /// <param name="cancellationToken">Ends the work.</param>
    /// <exception cref="OpenIddictExceptions.ConcurrencyException">It has changed since it was found.</exception>
    public async Task ReplaceAsync(OpenIddictEntityFrameworkCoreApplication stored, ClientDescriptor descriptor, bool waits, CancellationToken cancellationToken)
    {
        if (!waits)
        {
            await clients.UpdateAsync(stored, descriptor, cancellationToken);
            return;
        }

        var now = time.GetUtcNow();
        await db.WriteAsync(
            async () =>
            {
                await using var transaction = await db.Database.BeginTransactionAsync(cancellationToken);
                await clients.UpdateAsync(stored, descriptor, cancellationToken);
                await db.Clients.Where(client => client.Id == stored.Id).ExecuteUpdateAsync(
                    set => set.SetProperty(client => EF.Property<DateTimeOffset?>(client, ClientColumns.AwaitingApprovalSince), now), cancellationToken);
                await transaction.CommitAsync(cancellationToken);
                return true;
            },
            cancellationToken);
    }

    private async ValueTask<object?[]> ValuesAsync(ClientDescriptor descriptor, string? secret, bool waits, CancellationToken cancellationToken)
    {
        var (client, now) = (await ((ClientManager)clients).MakeAsync(descriptor, secret, cancellationToken), time.GetUtcNow());
        client.Id = Guid.CreateVersion7(now).ToString(); // new rows stand together at the end of its index, where random ones write a page of it each
        return ClientStatements.ValuesOf(client, now, waits);
    }
}
