using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using McpIdentity.Migrations;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Keys;
using McpIdentity.Server.Protocol;
using McpIdentity.Server.Settings;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace McpIdentity.Server.Connections;

/// <summary>
/// What this server is called at the authorization servers of those behind it: by configuration, else by a document of its own (client ID
/// metadata documents), else by a registration (RFC 7591), which all nodes share.
/// </summary>
internal sealed class OwnClients(
    AuthorityHttp http, EncryptionKeys keys, PublicAddress address, IOptions<BrandingOptions> branding, IServiceScopeFactory scopes, TimeProvider time)
{
    public const string Purpose = "upstream registrations";

    /// <summary>Where the browser comes back to: another address for each, so that no answer of one is taken for another's (RFC 9700 §4.4.2.2).</summary>
    public string RedirectUriOf(string server) => address.UrlOf($"{Paths.ConnectionCallback}/{server}");

    private string Name => branding.Value.Name;

    public string DocumentUrlOf(string server) => address.UrlOf($"{Paths.ClientDocuments}/{server}.json");

    /// <summary>The document of one server; no secret, and good for everybody to read.</summary>
    public object DocumentOf(ConnectableServer server) => new Dictionary<string, object>
    {
        [Parameters.ClientId] = DocumentUrlOf(server.Name),
        ["client_name"] = Name,
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
            return new ClientAtAuthority(configured, null, ""); // its secret is the one of the moment that it is shown (TokenEndpoint)
        }

        // An address that only this computer has is nothing for others to read.
        if (authority.TakesDocuments && (address.IsHttps || server.IsInside))
        {
            return new ClientAtAuthority(DocumentUrlOf(server.Name), null, ClientAuthenticationMethods.None);
        }

        await using var scope = scopes.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>();
        if (await StoredAsync(db, server, authority, cancellationToken) is { } known)
        {
            return known;
        }

        if (authority.RegistrationEndpoint is null)
        {
            throw new AuthorityException($"the authorization server {authority.Issuer} takes neither client documents nor registrations: register this server there by hand, with {RedirectUriOf(server.Name)}, and set Upstream:ClientId");
        }

        var made = await RegisterAsync(server, authority, cancellationToken);
        return await KeepAsync(db, server, authority, made, cancellationToken);
    }

    /// <summary>It is not known there any more: the next time it registers anew.</summary>
    public async Task ForgetAsync(ConnectableServer server, string issuer, string clientId)
    {
        await using var scope = scopes.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>();
        await db.WriteAsync(
            () => db.UpstreamRegistrations.Where(row => row.Server == server.Name && row.Issuer == issuer && row.ClientId == clientId).ExecuteDeleteAsync(CancellationToken.None), CancellationToken.None);
    }

    // Null: none, or none that can be read, or none for the address that we have now.
    private async Task<ClientAtAuthority?> StoredAsync(McpIdentityDbContext db, ConnectableServer server, Authority authority, CancellationToken cancellationToken) =>
        await db.UpstreamRegistrations.AsNoTracking().SingleOrDefaultAsync(row => row.Server == server.Name && row.Issuer == authority.Issuer, cancellationToken) is { } row &&
        keys.Unprotect(Purpose, row.Document) is { } json && JsonSerializer.Deserialize(json, ConnectionsJson.Default.ClientAtAuthority) is { } client && client.RedirectUri == RedirectUriOf(server.Name)
            ? client
            : null;

    private async Task<ClientAtAuthority> RegisterAsync(ConnectableServer server, Authority authority, CancellationToken cancellationToken)
    {
        var method = authority.Methods.Count == 0 || authority.Methods.Contains(ClientAuthenticationMethods.None, StringComparer.Ordinal)
            ? ClientAuthenticationMethods.None
            : ClientAtAuthority.MethodFor(authority);
        using var content = new ByteArrayContent(JsonSerializer.SerializeToUtf8Bytes(new Dictionary<string, object>
        {
            ["client_name"] = Name,
            ["redirect_uris"] = new[] { RedirectUriOf(server.Name) },
            ["grant_types"] = new[] { GrantTypes.AuthorizationCode, GrantTypes.RefreshToken },
            ["response_types"] = new[] { ResponseTypes.Code },
            ["token_endpoint_auth_method"] = method,
            ["application_type"] = "web",
        }));
        content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        var (status, answer) = await http.PostAsync(server, authority.RegistrationEndpoint!, content, null, cancellationToken);
        if (status is not (HttpStatusCode.Created or HttpStatusCode.OK) || Authority.Text(answer, Parameters.ClientId) is not { Length: > 0 } id)
        {
            throw new AuthorityException($"the authorization server {authority.Issuer} did not register this server: {(int)status} {Authority.Text(answer, Parameters.Error)} {Authority.Text(answer, Parameters.ErrorDescription)}".TrimEnd());
        }

        var secret = Authority.Text(answer, Parameters.ClientSecret);
        var told = Authority.Text(answer, "token_endpoint_auth_method");
        // RFC 7591 §3.2.1: it may have replaced what was asked for.
        return new ClientAtAuthority(id, secret, told is null or ClientAuthenticationMethods.None && secret is not null ? ClientAtAuthority.MethodFor(authority) : told ?? method) { RedirectUri = RedirectUriOf(server.Name) };
    }

    // Two nodes may register at once: the one that comes second takes what the first has stored.
    private async Task<ClientAtAuthority> KeepAsync(McpIdentityDbContext db, ConnectableServer server, Authority authority, ClientAtAuthority made, CancellationToken cancellationToken)
    {
        var document = keys.Protect(Purpose, JsonSerializer.SerializeToUtf8Bytes(made, ConnectionsJson.Default.ClientAtAuthority));
        var old = await db.UpstreamRegistrations.AsNoTracking().SingleOrDefaultAsync(row => row.Server == server.Name && row.Issuer == authority.Issuer, cancellationToken);
        if (old is not null)
        {
            if (await db.WriteAsync(
                () => db.UpstreamRegistrations.Where(row => row.Server == server.Name && row.Issuer == authority.Issuer && row.ClientId == old.ClientId).ExecuteUpdateAsync(
                    set => set.SetProperty(row => row.ClientId, made.Id).SetProperty(row => row.Document, document).SetProperty(row => row.CreatedAt, time.GetUtcNow()), cancellationToken),
                cancellationToken) == 1)
            {
                return made;
            }
        }
        else
        {
            db.UpstreamRegistrations.Add(new UpstreamRegistration { Server = server.Name, Issuer = authority.Issuer, ClientId = made.Id, Document = document, CreatedAt = time.GetUtcNow() });
            try
            {
                await db.SaveChangesAsync(cancellationToken);
                return made;
            }
            catch (DbUpdateException)
            {
                db.ChangeTracker.Clear();
            }
        }

        return await StoredAsync(db, server, authority, cancellationToken) ?? throw new AuthorityException($"this server's registration at {authority.Issuer} cannot be stored");
    }
}
