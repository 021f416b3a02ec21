using McpIdentity.Migrations.Entities;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace McpIdentity.Server.Connections;

/// <summary>
/// The access tokens that calls go on with, refreshed shortly before they expire by one node alone: the row says who does it, and for how
/// long the others leave it to them.
/// </summary>
internal sealed partial class FreshTokens(Vault vault, Authorities authorities, TokenEndpoint endpoint, OwnClients clients, TimeProvider time, ILogger<FreshTokens> logger)
{
    /// <summary>For how long one node has a refresh to itself: longer than it can last.</summary>
    public static readonly TimeSpan Lease = TimeSpan.FromSeconds(30);

    private static readonly TimeSpan Margin = TimeSpan.FromMinutes(1);

    private readonly Dictionary<(string, string), Task<string?>> _renewing = [];

    /// <returns>The access token; null where the person has not connected an account, or has to do so anew.</returns>
    /// <exception cref="AuthorityException">It cannot be refreshed now.</exception>
    public async ValueTask<string?> ForAsync(ConnectableServer server, string userId, CancellationToken cancellationToken)
    {
        if (vault.Recall(server.Name, userId) is { } known)
        {
            return known;
        }

        if (await vault.FindAsync(server.Name, userId, cancellationToken) is not var (row, tokens))
        {
            return null;
        }

        return IsFresh(tokens) ? vault.Remember(row, tokens) : await RenewAsync(server, userId, tokens.AccessToken, cancellationToken);
    }

    /// <summary>The server does not take a token.</summary>
    /// <returns>Another one; null where there is none to be had.</returns>
    /// <inheritdoc cref="ForAsync" path="/exception"/>
    public async Task<string?> AfterRefusalAsync(ConnectableServer server, string userId, string refused, CancellationToken cancellationToken)
    {
        vault.Forget(server.Name, userId);
        return await RenewAsync(server, userId, refused, cancellationToken) is { } token && token != refused ? token : null;
    }

    private bool IsFresh(ConnectionTokens tokens) => tokens.ExpiresAt is not { } until || until - Margin > time.GetUtcNow();

    private bool IsAlive(ConnectionTokens tokens) => tokens.ExpiresAt is not { } until || until > time.GetUtcNow();

    // Who comes while it is under way on this node waits for the same answer; nobody's leaving takes it from the others.
    private Task<string?> RenewAsync(ConnectableServer server, string userId, string old, CancellationToken cancellationToken)
    {
        lock (_renewing)
        {
            if (!_renewing.TryGetValue((userId, server.Name), out var renewing))
            {
                _renewing[(userId, server.Name)] = renewing = Task.Run(async () =>
                {
                    try
                    {
                        return await RenewAsync(server, userId, old);
                    }
                    finally
                    {
                        lock (_renewing)
                        {
                            _renewing.Remove((userId, server.Name));
                        }
                    }
                }, CancellationToken.None);
            }

            return renewing.WaitAsync(cancellationToken);
        }
    }

    private async Task<string?> RenewAsync(ConnectableServer server, string userId, string old)
    {
        var pause = TimeSpan.FromMilliseconds(25);
        for (var waited = TimeSpan.Zero; waited < Lease; waited += pause, pause = pause < TimeSpan.FromSeconds(1) ? pause * 2 : pause)
        {
            if (await vault.FindAsync(server.Name, userId, CancellationToken.None) is not var (row, tokens))
            {
                return null;
            }

            if (tokens.AccessToken != old)
            {
                return vault.Remember(row, tokens); // another node has done it
            }

            if (tokens.RefreshToken is null)
            {
                return IsAlive(tokens) ? vault.Remember(row, tokens) : null;
            }

            if (await vault.TakeAsync(row, Lease))
            {
                return await RefreshAsync(server, row, tokens);
            }

            await Task.Delay(pause);
        }

        throw new AuthorityException("another node of this server refreshes the person's token and does not come to an end");
    }

    private async Task<string?> RefreshAsync(ConnectableServer server, UpstreamConnection row, ConnectionTokens tokens)
    {
        try
        {
            var authority = await authorities.OfAsync(server, CancellationToken.None);
            if (authority.Issuer != tokens.Issuer)
            {
                throw new ConnectionEndedException("its authorization server is another one now"); // what is another's is not shown to it
            }

            var renewed = await endpoint.RefreshAsync(server, authority, tokens);
            if (await vault.ReplaceAsync(row, renewed))
            {
                return vault.Remember(row, renewed);
            }

            return await vault.FindAsync(server.Name, row.UserId, CancellationToken.None) is var (other, current) ? vault.Remember(other, current) : null;
        }
        catch (ConnectionEndedException exception)
        {
            Ended(server.Name, exception.Message);
            await vault.DropAsync(row);
            if (exception.Message == Errors.InvalidClient)
            {
                await clients.ForgetAsync(server, tokens.Issuer, tokens.Client.Id);
            }

            return null;
        }
        catch (AuthorityException)
        {
            authorities.Forget(server);
            await vault.LeaveAsync(row);
            if (IsAlive(tokens) && !IsFresh(tokens)) // and was not refused
            {
                return tokens.AccessToken; // for the minute that it still has
            }

            throw;
        }
    }

    [LoggerMessage(5040, LogLevel.Information, "The authorization server of the MCP server '{Server}' has ended a person's connection ({Why}); they are asked to connect anew.")]
    private partial void Ended(string server, string why);
}
