using System.Collections.Concurrent;
using System.Net;
using McpIdentity.Migrations;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Outbound;
using McpIdentity.Server.Revocation;
using McpIdentity.Server.Settings;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using OpenIddict.Abstractions;
using OpenIddict.EntityFrameworkCore.Models;

namespace McpIdentity.Server.Clients.Documents;

/// <summary>
/// Reads the document of a client and keeps what it says as a row among the registered clients, so that everything else knows
/// it as it knows any client. Many who wait for one document cause one fetch. Nothing is kept of what could not be read.
/// </summary>
internal sealed partial class ClientDocuments(
    IServiceScopeFactory scopes, GuardedHttp http, FetchBudgets budgets, TimeProvider time, IOptions<OAuthServerOptions> options, ILogger<ClientDocuments> logger)
{
    private readonly ConcurrentDictionary<string, Lazy<Task>> _underWay = new(StringComparer.Ordinal);

    private ClientDocumentOptions Options => options.Value.ClientDocuments;

    /// <summary>Whether the operator lets clients of this host in.</summary>
    public bool Admits(Uri url) =>
        options.Value.TakesClientDocuments() && !HostNames.Contain(Options.BlockedHosts, url.IdnHost) &&
        (Options.AllowedHosts.Count == 0 || HostNames.Contain(Options.AllowedHosts, url.IdnHost));

    /// <summary>Reads the document, unless it has been read meanwhile.</summary>
    /// <param name="url">What <see cref="ClientDocumentUrls.Read"/> returned and <see cref="Admits"/> lets in.</param>
    /// <param name="caller">Whose request it is.</param>
    /// <param name="cancellationToken">Ends the wait, and not the work, for which others may wait.</param>
    /// <exception cref="ClientDocumentException">It is not what the client may be known by.</exception>
    /// <exception cref="GuardedHttpException">It cannot be read now.</exception>
    public Task ReadAsync(Uri url, IPAddress? caller, CancellationToken cancellationToken)
    {
        var id = url.OriginalString;
        return _underWay.GetOrAdd(id, _ => new Lazy<Task>(() => WorkAsync())).Value.WaitAsync(cancellationToken);

        async Task WorkAsync()
        {
            await Task.Yield(); // it is in the dictionary before it can be done
            try
            {
                await ReadAsync(url, caller);
            }
            finally
            {
                _underWay.TryRemove(id, out var _);
            }
        }
    }

    /// <summary>The same, for later requests: this one goes on with what is known.</summary>
    public void ReadInBackground(Uri url) => _ = IgnoreAsync(url);

    /// <summary>Whether somebody has allowed the client something.</summary>
    public async Task<bool> WasUsedAsync(string clientId, CancellationToken cancellationToken)
    {
        await using var scope = scopes.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>();
        return await WasUsedAsync(db, clientId, cancellationToken);
    }

    // The stamp of the first use is written within seconds; until then its grant tells.
    private static async Task<bool> WasUsedAsync(McpIdentityDbContext db, string clientId, CancellationToken cancellationToken) =>
        await db.Grants.AnyAsync(grant => grant.ClientId == clientId, cancellationToken) ||
        await db.Clients.AnyAsync(client => client.ClientId == clientId && EF.Property<DateTimeOffset?>(client, ClientColumns.LastUsedAt) != null, cancellationToken);

    private async Task IgnoreAsync(Uri url)
    {
        try
        {
            await ReadAsync(url, caller: null, CancellationToken.None);
        }
        catch (Exception)
        {
            // It is in the log; whoever needs a newer one waits for it.
        }
    }

    private async Task ReadAsync(Uri url, IPAddress? caller)
    {
        await using var scope = scopes.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>();
        var id = url.OriginalString;
        var known = await db.Clients.Where(client => client.ClientId == id).Select(client => new
        {
            client.Properties,
            DisabledAt = EF.Property<DateTimeOffset?>(client, ClientColumns.DisabledAt),
            Waits = EF.Property<DateTimeOffset?>(client, ClientColumns.AwaitingApprovalSince) != null,
        }).SingleOrDefaultAsync();
        if (known?.DisabledAt is not null)
        {
            throw new ClientDocumentException("an operator has disabled this client");
        }

        if (known is not null && (known.Waits || DocumentTimes.In(known.Properties)?.IsFresh(time.GetUtcNow()) == true))
        {
            return; // another node has been faster; or an operator is looking at what was read
        }

        try
        {
            using var _ = budgets.Take(url.IdnHost, isKnown: known is not null && await WasUsedAsync(db, id, CancellationToken.None), caller);
            var answer = await http.GetAsync(url, CancellationToken.None);
            var document = ClientDocument.Read(answer.Body, id, options.Value.Registration);
            // Whose host the operator named is let in by that.
            var waits = options.Value.Registration.PolicyInForce() == RegistrationPolicy.Approval && Options.AllowedHosts.Count == 0;
            await StoreAsync(scope.ServiceProvider, document, DocumentTimes.From(answer, time.GetUtcNow(), Options), waits);
        }
        catch (Exception exception) when (exception is ClientDocumentException or GuardedHttpException)
        {
            NotRead(id, exception.Message);
            throw;
        }
    }

    private async Task StoreAsync(IServiceProvider services, ClientDocument document, DocumentTimes times, bool waits)
    {
        var (registrar, rows, clients, store) = (
            services.GetRequiredService<ClientRegistrar>(),
            services.GetRequiredService<ClientRows>(),
            services.GetRequiredService<IOpenIddictApplicationManager>(),
            services.GetRequiredService<IOpenIddictApplicationStore<OpenIddictEntityFrameworkCoreApplication>>());
        var client = registrar.Describe(document, document.ClientId!, time.GetUtcNow().ToUnixTimeSeconds());
        var descriptor = ClientRegistrar.ToDescriptor(client);
        times.WriteTo(descriptor.Properties);
        try
        {
            // By the store: the manager hands out remembered copies, which cannot be written.
            if (await store.FindByClientIdAsync(client.ClientId, CancellationToken.None) is not { } stored)
            {
                // One that an operator has just deleted: what it gets now is told from what was ended then.
                await services.GetRequiredService<Revocations>().SettleAsync(RevocationKind.Client, client.ClientId, CancellationToken.None);
                await rows.AddAsync(descriptor, secret: null, waits, CancellationToken.None);
                FirstRead(client.ClientId);
            }
            else if (DocumentTimes.In(stored.Properties) is not null)
            {
                var before = new ClientDescriptor();
                await clients.PopulateAsync(before, stored, CancellationToken.None);
                // What an operator approved is what they saw.
                await rows.ReplaceAsync(stored, descriptor, waits && ClientApproval.IsNeededFor(client, ClientRegistrar.RegistrationOf(before)), CancellationToken.None);
            }
            else
            {
                throw new ClientDocumentException("the client id belongs to a client that was registered");
            }
        }
        catch (Exception exception) when (Persistence.StorageFaults.IsTaken(exception) ||
            (exception is DbUpdateException or OpenIddictExceptions.ConcurrencyException or OpenIddictExceptions.ValidationException && !Persistence.StorageFaults.IsOne(exception)))
        {
            // Another node has read the same document in the same moment.
            var isThere = await services.GetRequiredService<McpIdentityDbContext>().Clients.AsNoTracking().AnyAsync(other => other.ClientId == client.ClientId);
            if (!isThere)
            {
                throw;
            }
        }
    }

    [LoggerMessage(1011, LogLevel.Information, "The document of client {ClientId} was read: the client is known from now on.")]
    private partial void FirstRead(string clientId);

    [LoggerMessage(1012, LogLevel.Information, "The document of client {ClientId} was not taken: {Reason}.")]
    private partial void NotRead(string clientId, string reason);
}
