using System.Text.Json;
using McpIdentity.Mcp;
using McpIdentity.Migrations;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Keys;
using McpIdentity.Server.Protocol;
using McpIdentity.Server.Settings;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Caching.Memory;
using Microsoft.Extensions.Options;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace McpIdentity.Server.Connections;

/// <summary>
/// What this server is called at the authorization servers of those behind it: by configuration, else by a document of its own (client ID
/// metadata documents), else by a registration (RFC 7591), which all nodes share.
/// </summary>
internal sealed class OwnClients(
    RegistrationEndpoint endpoint, EncryptionKeys keys, PublicAddress address, IOptions<BrandingOptions> branding, IServiceScopeFactory scopes, TimeProvider time) : IDisposable
{
    public const string Purpose = "upstream registrations";

    // An authorization server may take away a client that nobody uses, and says so to nobody: it shows the person an error, and us nothing (RFC 6749 §4.1.2.1).
    private static readonly TimeSpan GoodUnused = TimeSpan.FromDays(1);

    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    private readonly MemoryCache _registering = BoundedCache.Of(1_000, time);
    private readonly Lock _asking = new();

    /// <summary>
    /// Where the browser comes back to: another address for each server, so that no answer of one authorization server is taken for another's
    /// (RFC 9700 §4.4.2.2).
    /// </summary>
    public string RedirectUriOf(string server) => address.UrlOf($"{Paths.ConnectionCallback}/{server}");

    public string DocumentUrlOf(string server) => address.UrlOf($"{Paths.ClientDocuments}/{server}.json");

    /// <summary>The document of one server; no secret, and good for everybody to read.</summary>
    public object DocumentOf(ConnectableServer server) => new Dictionary<string, object>
    {
        [Parameters.ClientId] = DocumentUrlOf(server.Name),
        ["client_name"] = branding.Value.Name,
        ["client_uri"] = address.Issuer,
        ["redirect_uris"] = new[] { RedirectUriOf(server.Name) },
        ["grant_types"] = new[] { GrantTypes.AuthorizationCode, GrantTypes.RefreshToken },
        ["response_types"] = new[] { ResponseTypes.Code },
        ["token_endpoint_auth_method"] = ClientAuthenticationMethods.None,
        ["application_type"] = "web",
    };

    /// <exception cref="AuthorityException">There is no way to be known there.</exception>
    public async Task<ClientAtAuthority> ForAsync(ConnectableServer server, Authority authority, CancellationToken cancellationToken)
    {
        if (server.Upstream.ClientId is { Length: > 0 } configured)
        {
            // What was registered at one authorization server is for no other to see.
            if (authority.Issuer != server.Upstream.Issuer)
            {
                throw new AuthorityException($"Upstream:ClientId is of {server.Upstream.Issuer}, and the authorization server is {authority.Issuer}");
            }

            _ = server.Upstream.ClientSecret is null ? "" : ClientAtAuthority.MethodFor(authority); // before anybody is sent there for nothing
            return new ClientAtAuthority(configured, null, ""); // its secret is the one of the moment that it is shown (TokenEndpoint)
        }

        // An address that only this computer has is nothing for others to read.
        if (authority.TakesDocuments && (address.IsHttps || server.IsHere))
        {
            return new ClientAtAuthority(DocumentUrlOf(server.Name), null, ClientAuthenticationMethods.None);
        }

        if (await StoredAsync(server, authority, cancellationToken) is { } known)
        {
            return known;
        }

        if (authority.RegistrationEndpoint is null)
        {
            throw new AuthorityException($"the authorization server {authority.Issuer} takes neither client documents nor registrations: register this server there by hand, with {RedirectUriOf(server.Name)}, and set Upstream:ClientId and Upstream:Issuer");
        }

        Registering one;
        lock (_asking)
        {
            // Who comes while somebody asks waits for the same answer, and a refusal is not asked for with each press of a button.
            if (!_registering.TryGetValue((server.Name, authority.Issuer), out Registering? asked) ||
                asked!.Client.IsCompletedSuccessfully || (asked.Client.IsCompleted && asked.At + Patience <= time.GetUtcNow()))
            {
                asked = new Registering(Task.Run(() => RegisterAsync(server, authority)), time.GetUtcNow());
                _registering.Set((server.Name, authority.Issuer), asked, new MemoryCacheEntryOptions { Size = 1, AbsoluteExpirationRelativeToNow = Patience });
            }

            one = asked;
        }

        return await one.Client.WaitAsync(cancellationToken);
    }

    /// <summary>It is not known there any more: the next time it registers anew.</summary>
    public async Task ForgetAsync(ConnectableServer server, string issuer, string clientId)
    {
        await using var scope = scopes.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>();
        await db.WriteAsync(
            () => db.UpstreamRegistrations.Where(row => row.Server == server.Name && row.Issuer == issuer && row.ClientId == clientId).ExecuteDeleteAsync(CancellationToken.None), CancellationToken.None);
    }

    public void Dispose() => _registering.Dispose();

    // Null: none, or none that can be read, or none for the address that we have now, or none that is good any more.
    private async Task<ClientAtAuthority?> StoredAsync(ConnectableServer server, Authority authority, CancellationToken cancellationToken)
    {
        await using var scope = scopes.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>();
        var now = time.GetUtcNow();
        if (await db.UpstreamRegistrations.AsNoTracking().SingleOrDefaultAsync(row => row.Server == server.Name && row.Issuer == authority.Issuer, cancellationToken) is not { } row ||
            keys.Unprotect(Purpose, row.Document) is not { } json || JsonSerializer.Deserialize(json, ConnectionsJson.Default.ClientAtAuthority) is not { } client ||
            client.RedirectUri != RedirectUriOf(server.Name) || client.SecretExpiresAt <= now)
        {
            return null;
        }

        var isDoubtful = row.CreatedAt + GoodUnused < now && authority.RegistrationEndpoint is not null && !await db.UpstreamConnections.AnyAsync(one => one.Server == server.Name, cancellationToken);
        return isDoubtful ? null : client;
    }

    private async Task<ClientAtAuthority> RegisterAsync(ConnectableServer server, Authority authority)
    {
        // Somebody may have come to an end between the look and the lock.
        if (await StoredAsync(server, authority, CancellationToken.None) is { } known)
        {
            return known;
        }

        var made = await endpoint.RegisterAsync(server, authority, RedirectUriOf(server.Name));
        await using var scope = scopes.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>();
        return await KeepAsync(db, server, authority, made);
    }

    // Two nodes may register at once: the one that comes second takes what the first has stored.
    private async Task<ClientAtAuthority> KeepAsync(McpIdentityDbContext db, ConnectableServer server, Authority authority, ClientAtAuthority made)
    {
        var document = keys.Protect(Purpose, JsonSerializer.SerializeToUtf8Bytes(made, ConnectionsJson.Default.ClientAtAuthority));
        var old = await db.UpstreamRegistrations.AsNoTracking().SingleOrDefaultAsync(row => row.Server == server.Name && row.Issuer == authority.Issuer);
        if (old is not null)
        {
            if (await db.WriteAsync(
                () => db.UpstreamRegistrations.Where(row => row.Server == server.Name && row.Issuer == authority.Issuer && row.ClientId == old.ClientId).ExecuteUpdateAsync(
                    set => set.SetProperty(row => row.ClientId, made.Id).SetProperty(row => row.Document, document).SetProperty(row => row.CreatedAt, time.GetUtcNow())),
                CancellationToken.None) == 1)
            {
                return made;
            }
        }
        else
        {
            db.UpstreamRegistrations.Add(new UpstreamRegistration { Server = server.Name, Issuer = authority.Issuer, ClientId = made.Id, Document = document, CreatedAt = time.GetUtcNow() });
            try
            {
                await db.SaveChangesAsync();
                return made;
            }
            catch (DbUpdateException)
            {
                // Another node was a moment earlier.
            }
        }

        return await StoredAsync(server, authority, CancellationToken.None) ?? throw new AuthorityException($"this server's registration at {authority.Issuer} cannot be stored");
    }

    private sealed record Registering(Task<ClientAtAuthority> Client, DateTimeOffset At);
}
