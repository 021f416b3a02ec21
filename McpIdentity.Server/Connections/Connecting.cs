using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using McpIdentity.Migrations;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Keys;
using McpIdentity.Server.Sessions;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.EntityFrameworkCore;
using Microsoft.IdentityModel.Tokens;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace McpIdentity.Server.Connections;

/// <summary>
/// Takes a person to the authorization server of one behind this one, and back: PKCE (RFC 7636), the resource (RFC 8707), and a state that
/// is good once, for ten minutes, in the sign-in session that began it.
/// </summary>
internal sealed class Connecting(
    Authorities authorities, OwnClients clients, TokenEndpoint endpoint, Vault vault, ConnectableServers servers, EncryptionKeys keys, McpIdentityDbContext db, TimeProvider time)
{
    private const string StatePurpose = "connection states";

    private static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(10);

    /// <param name="server">Where the account is.</param>
    /// <param name="person">Whose.</param>
    /// <param name="request">The protected ticket of the app's request that goes on afterwards; null: none.</param>
    /// <param name="more">The scopes that the server wants beside what the person has allowed; null: none.</param>
    /// <param name="cancellationToken">Of the HTTP request.</param>
    /// <returns>Where the browser goes (RFC 6749 §4.1.1).</returns>
    /// <exception cref="AuthorityException">Nobody can be connected there.</exception>
    public async Task<Uri> BeginAsync(ConnectableServer server, SignedInPerson person, string? request, string? more, CancellationToken cancellationToken)
    {
        var authority = await authorities.OfAsync(server, cancellationToken);
        var client = await clients.ForAsync(server, authority, cancellationToken);
        var (handle, verifier) = (NewSecret(), NewSecret());
        var scope = string.Join(' ', await ScopesAsync(server, authority, person, more, cancellationToken)) is { Length: > 0 } words ? words : null;
        var pending = new PendingConnection(
            server.Name, person.UserId, person.SessionId, verifier, authority.Issuer, authority.Resource, clients.RedirectUriOf(server.Name), authority.SaysIssuer, client) { Request = request, Scope = scope };
        db.UpstreamStates.Add(new UpstreamState
        {
            Id = IdOf(handle),
            Request = "",
            ExpiresAt = time.GetUtcNow() + Lifetime,
            State = keys.Protect(StatePurpose, JsonSerializer.SerializeToUtf8Bytes(pending, ConnectionsJson.Default.PendingConnection)),
        });
        await db.SaveChangesAsync(cancellationToken);

        return new Uri(QueryHelpers.AddQueryString(authority.AuthorizationEndpoint.AbsoluteUri, new Dictionary<string, string?>(server.Upstream.AuthorizationParameters!)
        {
            [Parameters.ResponseType] = ResponseTypes.Code,
            [Parameters.ClientId] = client.Id,
            [Parameters.RedirectUri] = pending.RedirectUri,
            [Parameters.State] = handle,
            [Parameters.CodeChallenge] = Base64UrlEncoder.Encode(SHA256.HashData(Encoding.ASCII.GetBytes(verifier))),
            [Parameters.CodeChallengeMethod] = CodeChallengeMethods.Sha256,
            [Parameters.Resource] = authority.Resource is { Length: > 0 } resource ? resource : null, // and is left out then
            [Parameters.Scope] = scope,
        }));
    }

    /// <summary>What the authorization server sent the browser back with.</summary>
    /// <param name="name">The server whose address it came to: an answer of one authorization server is not taken for another's (RFC 9700 §4.4.2.2).</param>
    /// <param name="answer">The query.</param>
    /// <param name="person">Whose browser it is.</param>
    /// <param name="cancellationToken">Of the HTTP request.</param>
    /// <returns>The server, connected or not, and the app's request that goes on; null for a state that is not of this browser or of another server, or was used.</returns>
    public async Task<(ConnectableServer Server, string? Request, string? Problem)?> EndAsync(string name, IQueryCollection answer, SignedInPerson person, CancellationToken cancellationToken)
    {
        if (answer[Parameters.State].ToString() is not { Length: 43 } handle || await TakeAsync(handle, cancellationToken) is not { } pending ||
            pending.UserId != person.UserId || pending.SessionId != person.SessionId || pending.Server != name || servers.Find(name) is not { } server)
        {
            return null;
        }

        // RFC 9207 §2.4: an answer of another authorization server is not acted on, an error of it neither.
        var issuer = answer[Parameters.Iss];
        if (issuer.Count > 0 ? issuer != pending.Issuer : pending.SaysIssuer)
        {
            return (server, pending.Request, "the answer is not of the authorization server that was asked (iss, RFC 9207)");
        }

        if (answer[Parameters.Code].ToString() is not { Length: > 0 } code)
        {
            return (server, pending.Request, answer[Parameters.Error].ToString() is { Length: > 0 } error ? error : "neither code nor error");
        }

        try
        {
            // Whoever has gone meanwhile: the code is good once, and what it gives must not be lost.
            if (await authorities.OfAsync(server, pending.Issuer, CancellationToken.None) is not { } authority)
            {
                return (server, pending.Request, "its authorization server has changed meanwhile");
            }

            var (tokens, scope) = await endpoint.RedeemAsync(server, authority, pending, code);
            try
            {
                await vault.KeepAsync(server.Name, person.UserId, tokens, scope ?? pending.Scope); // RFC 6749 §5.1: as it was asked for
            }
            catch (AuthorityException)
            {
                await vault.RevokeAsync(server.Name, server, tokens);
                throw;
            }

            return (server, pending.Request, null);
        }
        catch (AuthorityException exception)
        {
            authorities.Forget(server);
            return (server, pending.Request, exception.Message);
        }
        catch (ConnectionEndedException exception)
        {
            if (exception.Error == Errors.InvalidClient)
            {
                await clients.ForgetAsync(server, pending.Issuer, pending.Client.Id);
            }

            return (server, pending.Request, exception.Message);
        }
    }

    // What was configured, and never another; else what the server asks for, with what gives a refresh token. Where it asks for more, that beside what the person has allowed before.
    private async Task<IEnumerable<string>> ScopesAsync(ConnectableServer server, Authority authority, SignedInPerson person, string? more, CancellationToken cancellationToken)
    {
        if (server.Upstream.Scope is { } said)
        {
            return Challenges.ScopesOf(said);
        }

        var usual = authority.OffersOfflineAccess ? [.. authority.Scopes, Scopes.OfflineAccess] : authority.Scopes;
        if (more is null)
        {
            return usual.Distinct(StringComparer.Ordinal);
        }

        var allowed = await db.UpstreamConnections.Where(row => row.UserId == person.UserId && row.Server == server.Name).Select(row => row.Scope).FirstOrDefaultAsync(cancellationToken);
        return usual.Concat(Challenges.ScopesOf(allowed?.Replace(',', ' '))).Concat(Challenges.ScopesOf(more)).Distinct(StringComparer.Ordinal); // GitHub separates by commas
    }

    // Once: what deletes the row has it.
    private async Task<PendingConnection?> TakeAsync(string handle, CancellationToken cancellationToken)
    {
        var (id, now) = (IdOf(handle), time.GetUtcNow());
        return await db.UpstreamStates.AsNoTracking().SingleOrDefaultAsync(state => state.Id == id && state.ExpiresAt > now, cancellationToken) is { } kept &&
            await db.WriteAsync(() => db.UpstreamStates.Where(state => state.Id == id).ExecuteDeleteAsync(cancellationToken), cancellationToken) == 1 &&
            keys.Unprotect(StatePurpose, kept.State) is { } json
            ? JsonSerializer.Deserialize(json, ConnectionsJson.Default.PendingConnection)
            : null;
    }

    private static string NewSecret() => Base64UrlEncoder.Encode(RandomNumberGenerator.GetBytes(32));

    // Not as of a sign-in, whose callback would take it for one of its own.
    private static string IdOf(string handle) => Base64UrlEncoder.Encode(SHA256.HashData(Encoding.UTF8.GetBytes("connection " + handle)));
}
