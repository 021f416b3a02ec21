using System.Xml.Linq;
using McpIdentity.Migrations;
using McpIdentity.Server.Audit;
using McpIdentity.Server.Connections;
using McpIdentity.Server.Gateway;
using McpIdentity.Server.Keys;
using McpIdentity.Server.Persistence;
using McpIdentity.Server.Sessions;
using McpIdentity.Server.Tokens;
using Microsoft.AspNetCore.DataProtection.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore;

namespace McpIdentity.Server.Housekeeping;

/// <summary>
/// After the encryption key was changed: what the database holds under a previous key is written again under the current
/// one, beside the requests, so that the previous key can be taken out of the configuration. Does nothing without one.
/// </summary>
internal sealed partial class ReencryptRows(EncryptionKeys keys, IServiceScopeFactory scopes, TimeProvider time, ILogger<ReencryptRows> logger)
    : BackgroundService
{
    /// <summary>A node that still runs with the previous key writes under it: what it wrote is found by a later pass.</summary>
    internal static readonly TimeSpan Interval = TimeSpan.FromHours(1);

    private static readonly TimeSpan RetryAfter = TimeSpan.FromMinutes(1);

    // A pass reads whole tables; the bound of a request is not meant for it.
    private static readonly TimeSpan ReadWithin = TimeSpan.FromMinutes(5);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var fault = new ToldFault();
        while (keys.HasPrevious)
        {
            try
            {
                await RunAsync(stoppingToken);
                fault.Works();
                await Task.Delay(Interval, time, stoppingToken);
            }
            catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
            {
                if (fault.IsNew(exception, out var level))
                {
                    Failed(level, exception);
                }

                await Task.Delay(RetryAfter, time, stoppingToken);
            }
        }
    }

    /// <returns>How many rows were written again.</returns>
    internal async Task<int> RunAsync(CancellationToken cancellationToken)
    {
        await using var reading = scopes.CreateAsyncScope();
        await using var writing = scopes.CreateAsyncScope();
        var old = reading.ServiceProvider.GetRequiredService<McpIdentityDbContext>();
        var db = writing.ServiceProvider.GetRequiredService<McpIdentityDbContext>();
        old.Database.SetCommandTimeout(ReadWithin);

        var previous = keys.Prefixes.Skip(1).ToArray();
        var length = previous[0].Length;
        var count = await RewriteAsync(
            old.SigningKeys.Where(row => previous.Contains(row.ProtectedKey.Substring(0, length))), row => row.ProtectedKey, SigningKeyStore.Purpose,
            (key, value) => db.SigningKeys.Where(row => row.Id == key.Id && row.ProtectedKey == key.ProtectedKey)
                .ExecuteUpdateAsync(set => set.SetProperty(row => row.ProtectedKey, value), cancellationToken), cancellationToken);
        count += await RewriteAsync(
            old.SignInSessions.Where(row => previous.Contains(row.ProtectedTokens.Substring(0, length))), row => row.ProtectedTokens, UpstreamTokens.Purpose,
            (session, value) => db.SignInSessions.Where(row => row.Id == session.Id && row.ProtectedTokens == session.ProtectedTokens)
                .ExecuteUpdateAsync(set => set.SetProperty(row => row.ProtectedTokens, value), cancellationToken), cancellationToken);
        count += await RewriteAsync(
            old.Grants.Where(row => previous.Contains(row.ProtectedClaims.Substring(0, length))), row => row.ProtectedClaims, GrantClaims.Purpose,
            (grant, value) => db.Grants.Where(row => row.Id == grant.Id && row.ProtectedClaims == grant.ProtectedClaims)
                .ExecuteUpdateAsync(set => set.SetProperty(row => row.ProtectedClaims, value), cancellationToken), cancellationToken);
        count += await RewriteAsync(
            old.GatewayServers.Where(row => previous.Contains(row.Document.Substring(0, length))), row => row.Document, ServerDocument.Purpose,
            (server, value) => db.GatewayServers.Where(row => row.Name == server.Name && row.Document == server.Document)
                .ExecuteUpdateAsync(set => set.SetProperty(row => row.Document, value), cancellationToken), cancellationToken);
        count += await RewriteAsync(
            old.UpstreamConnections.Where(row => previous.Contains(row.Tokens.Substring(0, length))), row => row.Tokens, Vault.Purpose,
            (connection, value) => db.UpstreamConnections.Where(row => row.UserId == connection.UserId && row.Server == connection.Server && row.Tokens == connection.Tokens)
                .ExecuteUpdateAsync(set => set.SetProperty(row => row.Tokens, value), cancellationToken), cancellationToken);
        count += await RewriteAsync(
            old.UpstreamRegistrations.Where(row => previous.Contains(row.Document.Substring(0, length))), row => row.Document, OwnClients.Purpose,
            (registration, value) => db.UpstreamRegistrations.Where(row => row.Server == registration.Server && row.Issuer == registration.Issuer && row.Document == registration.Document)
                .ExecuteUpdateAsync(set => set.SetProperty(row => row.Document, value), cancellationToken), cancellationToken);
        count += await RewriteDataProtectionKeysAsync(db, cancellationToken);
        count += await writing.ServiceProvider.GetRequiredService<AuditPruning>().SignAnewAsync(cancellationToken);
        Done(count, keys.Fingerprint);
        return count;
    }

    // One pass; each row is replaced on its own, unless it changed meanwhile.
    private async Task<int> RewriteAsync<T>(
        IQueryable<T> rows, Func<T, string> read, string purpose, Func<T, string, Task<int>> write, CancellationToken cancellationToken)
        where T : class
    {
        var count = 0;
        await foreach (var row in rows.AsNoTracking().AsAsyncEnumerable().WithCancellation(cancellationToken))
        {
            if (keys.Reprotect(purpose, read(row)) is { } renewed)
            {
                count += await write(row, renewed);
            }
        }

        return count;
    }

    // These are few, and wrapped in XML.
    private async Task<int> RewriteDataProtectionKeysAsync(McpIdentityDbContext db, CancellationToken cancellationToken)
    {
        foreach (DataProtectionKey key in await db.DataProtectionKeys.ToListAsync(cancellationToken))
        {
            var xml = key.Xml is null ? null : XElement.Parse(key.Xml);
            foreach (var element in xml?.Descendants(DataProtectionEncryptor.Element) ?? [])
            {
                element.Value = keys.Reprotect(DataProtectionEncryptor.Purpose, element.Value) ?? element.Value;
            }

            key.Xml = xml?.ToString(SaveOptions.DisableFormatting);
        }

        return await db.SaveChangesAsync(cancellationToken);
    }

    [LoggerMessage(1103, LogLevel.Information, "{Count} rows were written again under the current encryption key ({Fingerprint}).")]
    private partial void Done(int count, string fingerprint);

    [LoggerMessage(EventId = 1104, Message = "Rows under a previous encryption key could not be written again; it is tried again in a minute.")]
    private partial void Failed(LogLevel level, Exception exception);
}
