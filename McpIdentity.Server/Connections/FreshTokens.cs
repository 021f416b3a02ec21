using static OpenIddict.Abstractions.OpenIddictConstants;

namespace McpIdentity.Server.Connections;

/// <summary>
/// The access tokens that calls go on with, refreshed shortly before they expire by one node alone: the row says who does it, and for how
/// long the others leave it to them.
/// </summary>
internal sealed partial class FreshTokens(Vault vault, Authorities authorities, TokenEndpoint endpoint, OwnClients clients, TimeProvider time, ILogger<FreshTokens> logger)
{
    /// <summary>For how long one node has a refresh to itself: three times as long as its one request can last (<see cref="AuthorityHttp"/>).</summary>
    public static readonly TimeSpan Lease = TimeSpan.FromSeconds(30);

    private static readonly TimeSpan Margin = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan Pause = TimeSpan.FromMinutes(1);

    private readonly Dictionary<(string, string), Task<string?>> _renewing = [];

    /// <returns>The access token; null where the person has not connected an account, or has to do so anew.</returns>
    /// <exception cref="AuthorityException">It cannot be refreshed now.</exception>
    public async ValueTask<string?> ForAsync(ConnectableServer server, string userId, CancellationToken cancellationToken)
    {
        if (vault.Recall(server, userId) is { } known)
        {
            return known;
        }

        return await vault.FindAsync(server, userId, cancellationToken) is not { } kept ? null
            : IsFresh(kept.Tokens) ? vault.Remember(kept)
            : await RenewAsync(server, userId, kept.Tokens.AccessToken, cancellationToken);
    }

    /// <summary>The server does not take a token.</summary>
    /// <returns>Another one; null where there is none to be had.</returns>
    /// <inheritdoc cref="ForAsync" path="/exception"/>
    public async Task<string?> AfterRefusalAsync(ConnectableServer server, string userId, string refused, CancellationToken cancellationToken)
    {
        vault.Forget(server, userId);
        if (await vault.FindAsync(server, userId, cancellationToken) is not { } kept || (kept.Tokens.AccessToken == refused && kept.Row.UpdatedAt + Pause > time.GetUtcNow()))
        {
            return null; // it takes none that was given just now: another would be no better
        }

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
            if (await vault.FindAsync(server, userId, CancellationToken.None) is not { } kept)
            {
                return null;
            }

            if (kept.Tokens.AccessToken != old)
            {
                return vault.Remember(kept); // another node has done it
            }

            if (kept.Tokens.RefreshToken is null)
            {
                return IsAlive(kept.Tokens) ? vault.Remember(kept) : null;
            }

            try
            {
                // Before it is taken: to look that up may last longer than the lease.
                if (await authorities.OfAsync(server, kept.Tokens.Issuer, CancellationToken.None) is not { } authority || (server.Upstream.Resource is { } wanted && wanted != kept.Tokens.Resource))
                {
                    return null; // what is another's is not shown to it, and what one thing was agreed to is not taken for another
                }

                if (await vault.TakeAsync(kept.Row, Lease))
                {
                    return await RefreshAsync(server, authority, kept);
                }
            }
            catch (AuthorityException)
            {
                authorities.Forget(server);
                if (IsAlive(kept.Tokens) && !IsFresh(kept.Tokens)) // and was not refused
                {
                    return kept.Tokens.AccessToken; // for the minute that it still has
                }

                throw;
            }

            await Task.Delay(pause);
        }

        throw new AuthorityException("another node of this server refreshes the person's token and does not come to an end");
    }

    private async Task<string?> RefreshAsync(ConnectableServer server, Authority authority, KeptConnection kept)
    {
        try
        {
            var renewed = await endpoint.RefreshAsync(server, authority, kept.Tokens);
            if (await vault.ReplaceAsync(kept.Row, renewed))
            {
                return vault.Remember(kept with { Tokens = renewed });
            }

            if (await CurrentAsync(server, kept) is { } current)
            {
                return current;
            }

            await vault.RevokeAsync(server.Name, server, renewed);
            return null;
        }
        catch (ConnectionEndedException exception)
        {
            if (!await vault.DropAsync(kept.Row))
            {
                return await CurrentAsync(server, kept);
            }

            Ended(server.Name, exception.Message);
            if (exception.Error == Errors.InvalidClient)
            {
                await clients.ForgetAsync(server, kept.Tokens.Issuer, kept.Tokens.Client.Id);
            }

            return null;
        }
        catch (AuthorityException)
        {
            await vault.LeaveAsync(kept.Row);
            throw;
        }
    }

    // Connected anew, or disconnected, while it was refreshed: what is there now counts.
    private async Task<string?> CurrentAsync(ConnectableServer server, KeptConnection before) =>
        await vault.FindAsync(server, before.Row.UserId, CancellationToken.None) is { } current ? vault.Remember(current) : null;

    [LoggerMessage(5040, LogLevel.Information, "The authorization server of the MCP server '{Server}' has ended a person's connection ({Why}); they are asked to connect anew.")]
    private partial void Ended(string server, string why);
}
