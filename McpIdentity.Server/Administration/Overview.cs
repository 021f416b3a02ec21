using McpIdentity.Migrations;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Catalogue;
using McpIdentity.Server.Gateway;
using McpIdentity.Server.Keys;
using McpIdentity.Server.Operations;
using McpIdentity.Server.Settings;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Administration;

/// <summary>How much there is of everything, at one moment.</summary>
/// <param name="Sessions">Of the database; null where they are kept elsewhere, and would have to be read one by one.</param>
/// <param name="RevocationsInForce">What ended early and still has to be remembered.</param>
/// <param name="KeyAge">Since when the key that signs has done so.</param>
internal sealed record OverviewView(
    DateTimeOffset At, ClientCounts Clients, int Users, int UsersDisabled, int? Sessions, int Grants, int Connections, int Consents, int Servers, int ServersAnswering, int ToolsBlocked, int ToolsWaiting,
    int RevocationsInForce, int Nodes, TimeSpan? KeyAge);

/// <summary>How many clients there are of each kind.</summary>
/// <param name="Configured">Of the operator: in the settings.</param>
/// <param name="Documents">Client ID metadata documents.</param>
/// <param name="Registered">That registered themselves, or were added.</param>
internal sealed record ClientCounts(int Configured, int Documents, int Registered, int Disabled, int Waiting, int NeverUsed);

/// <summary>Whether this server should be sent requests.</summary>
/// <param name="Status"><c>ok</c>, <c>degraded</c>, <c>unavailable</c> or <c>draining</c>.</param>
/// <param name="Checks">A word for each component.</param>
/// <param name="Servers">For each server behind this one: <c>ok</c>, <c>unreachable</c>, <c>broken</c> or <c>unknown</c>.</param>
internal sealed record HealthView(string Status, IReadOnlyDictionary<string, string> Checks, IReadOnlyDictionary<string, string> Servers);

/// <summary>Counts for the first page of a console. Whoever looks every second, and on however many screens, makes it ask the database every ten.</summary>
internal sealed class Overview(IServiceScopeFactory scopes, ServerContacts contacts, Readiness readiness, IOptions<SessionStorageOptions> storage, IOptions<OAuthServerOptions> oauth, TimeProvider time)
{
    private static readonly TimeSpan GoodFor = TimeSpan.FromSeconds(10);

    private readonly Lock _turn = new();
    private Task<OverviewView>? _last;
    private long _asked;

    /// <summary>As it was at most ten seconds ago.</summary>
    public Task<OverviewView> CountAsync(CancellationToken cancellationToken)
    {
        lock (_turn)
        {
            if (_last is not { IsFaulted: false } last || (last.IsCompleted && time.GetElapsedTime(_asked) >= GoodFor))
            {
                (_asked, _last) = (time.GetTimestamp(), Task.Run(AskAsync, CancellationToken.None));
            }

            return _last.WaitAsync(cancellationToken);
        }
    }

    /// <summary>The same that <c>/health/ready</c> says, with the names of the servers.</summary>
    public async Task<HealthView> HealthAsync()
    {
        var (status, checks) = await readiness.CheckAsync();
        return new HealthView(status, checks, contacts.States.ToDictionary(state => state.Server, state => state.State));
    }

    private async Task<OverviewView> AskAsync()
    {
        await using var scope = scopes.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>();
        var now = time.GetUtcNow();
        var keys = await scope.ServiceProvider.GetRequiredService<SigningKeyStore>().ReadAsync(CancellationToken.None);
        var states = contacts.States.ToList();
        var reviews = (await KnownServer.AllAsync(scope.ServiceProvider, CancellationToken.None)).Where(server => server.Problem is null).ToDictionary(server => server.Name, server => server.Review);
        var tools = (await db.GatewayTools.Select(tool => new { tool.Server, tool.Hash, tool.FirstHash, tool.ReviewedHash, tool.State }).ToListAsync())
            .ConvertAll(tool => (tool.Server, Known: new KnownTool(new CatalogueTool("", null, null, null, null, tool.Hash), tool.FirstHash, tool.ReviewedHash, tool.State)));
        return new OverviewView(
            now, await ClientsAsync(db), await db.Users.CountAsync(), await db.Users.CountAsync(user => user.DisabledAt != null),
            storage.Value.Type == SessionStorageType.Database ? await db.SignInSessions.CountAsync(session => session.EndedAt == null && session.KeptUntil > now) : null,
            await db.Grants.CountAsync(grant => grant.RevokedAt == null && grant.ExpiresAt > now), await db.UpstreamConnections.CountAsync(), await db.Consents.CountAsync(),
            states.Count, states.Count(state => state.State == ServerContacts.Ok), tools.Count(tool => tool.Known.State == GatewayToolState.Blocked),
            tools.Count(tool => tool.Known.IsWaiting(reviews.GetValueOrDefault(tool.Server))), await db.Revocations.CountAsync(revocation => revocation.ExpiresAt > now), await db.Nodes.CountAsync(),
            SigningKeyState.InForce(keys, now) is [var current, ..] && current.ActivatesAt <= now ? now - current.ActivatesAt : null);
    }

    private async Task<ClientCounts> ClientsAsync(McpIdentityDbContext db)
    {
        string[] configured = [.. oauth.Value.StaticClients.Select(client => client.ClientId).OfType<string>()];
        var all = await db.Clients.CountAsync();
        var ofSettings = await db.Clients.CountAsync(client => configured.Contains(client.ClientId!));
        var documents = await db.Clients.CountAsync(client => client.ClientId!.StartsWith("https://") && !configured.Contains(client.ClientId!));
        return new ClientCounts(
            ofSettings, documents, all - ofSettings - documents,
            await db.Clients.CountAsync(client => EF.Property<DateTimeOffset?>(client, ClientColumns.DisabledAt) != null),
            await db.Clients.CountAsync(client => EF.Property<DateTimeOffset?>(client, ClientColumns.AwaitingApprovalSince) != null),
            await db.Clients.CountAsync(client => EF.Property<DateTimeOffset?>(client, ClientColumns.LastUsedAt) == null));
    }
}
