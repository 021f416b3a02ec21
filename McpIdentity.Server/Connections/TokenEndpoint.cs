using System.Net;
using System.Text.Json;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace McpIdentity.Server.Connections;

/// <summary>Asks an authorization server for a person's tokens: for a code, and again for a refresh token; and gives them back.</summary>
internal sealed class TokenEndpoint(AuthorityHttp http, TimeProvider time)
{
    // GitHub's word for it, with 200.
    private const string GitHubsInvalidGrant = "bad_refresh_token";

    /// <summary>RFC 6749 §4.1.3, with the verifier (RFC 7636 §4.5) and the resource (RFC 8707 §2.2).</summary>
    /// <exception cref="AuthorityException">It gives none.</exception>
    public async Task<(ConnectionTokens Tokens, string? Scope)> RedeemAsync(ConnectableServer server, Authority authority, PendingConnection pending, string code, CancellationToken cancellationToken)
    {
        var answer = await AskAsync(server, authority, pending.Client, new Dictionary<string, string>
        {
            [Parameters.GrantType] = GrantTypes.AuthorizationCode,
            [Parameters.Code] = code,
            [Parameters.RedirectUri] = pending.RedirectUri,
            [Parameters.CodeVerifier] = pending.Verifier,
            [Parameters.Resource] = pending.Resource,
        }, cancellationToken);
        return (Read(answer, pending.Issuer, pending.Client, refresh: null), Authority.Text(answer, Parameters.Scope));
    }

    /// <summary>RFC 6749 §6.</summary>
    /// <exception cref="AuthorityException">It gives none now.</exception>
    /// <exception cref="ConnectionEndedException">It never will.</exception>
    public async Task<ConnectionTokens> RefreshAsync(ConnectableServer server, Authority authority, ConnectionTokens tokens)
    {
        // Nobody's leaving ends it: the refresh token may be spent by then.
        var answer = await AskAsync(server, authority, tokens.Client, new Dictionary<string, string>
        {
            [Parameters.GrantType] = GrantTypes.RefreshToken,
            [Parameters.RefreshToken] = tokens.RefreshToken!,
            [Parameters.Resource] = authority.Resource,
        }, CancellationToken.None);
        return Read(answer, tokens.Issuer, tokens.Client, tokens.RefreshToken);
    }

    /// <summary>RFC 7009, where it is offered. What does not work is left: the tokens are deleted here in any case.</summary>
    public async Task RevokeAsync(ConnectableServer server, Authority authority, ConnectionTokens tokens)
    {
        if (authority.RevocationEndpoint is not { } endpoint || tokens.Issuer != authority.Issuer)
        {
            return;
        }

        var form = new Dictionary<string, string> { [Parameters.Token] = tokens.RefreshToken ?? tokens.AccessToken };
        var authorization = tokens.Client.SignIn(form);
        using var content = new FormUrlEncodedContent(form);
        await http.PostAsync(server, endpoint, content, authorization, CancellationToken.None);
    }

    private async Task<JsonElement> AskAsync(ConnectableServer server, Authority authority, ClientAtAuthority client, Dictionary<string, string> form, CancellationToken cancellationToken)
    {
        var authorization = client.SignIn(form);
        using var content = new FormUrlEncodedContent(form);
        var (status, body) = await http.PostAsync(server, authority.TokenEndpoint, content, authorization, cancellationToken);
        var error = Authority.Text(body, Parameters.Error);
        return error switch
        {
            Errors.InvalidGrant or GitHubsInvalidGrant => throw new ConnectionEndedException(Errors.InvalidGrant),
            Errors.InvalidClient or Errors.UnauthorizedClient => throw new ConnectionEndedException(Errors.InvalidClient),
            null when status == HttpStatusCode.OK && body is { } answer => answer,
            _ => throw new AuthorityException($"the token endpoint of {authority.Issuer} answered {(int)status} {error} {Authority.Text(body, Parameters.ErrorDescription)}".TrimEnd()),
        };
    }

    private ConnectionTokens Read(JsonElement answer, string issuer, ClientAtAuthority client, string? refresh)
    {
        if (Authority.Text(answer, Parameters.AccessToken) is not { Length: > 0 } token || token.AsSpan().ContainsAnyExceptInRange('!', '~') ||
            !string.Equals(Authority.Text(answer, Parameters.TokenType), TokenTypes.Bearer, StringComparison.OrdinalIgnoreCase))
        {
            throw new AuthorityException($"the token endpoint of {issuer} gave no bearer token");
        }

        DateTimeOffset? expires = answer.TryGetProperty(Parameters.ExpiresIn, out var seconds) && seconds.ValueKind == JsonValueKind.Number && seconds.TryGetInt32(out var number) && number > 0
            ? time.GetUtcNow() + TimeSpan.FromSeconds(number)
            : null;
        return new ConnectionTokens(token, Authority.Text(answer, Parameters.RefreshToken) ?? refresh, expires, issuer, client);
    }
}

/// <summary>The authorization server has ended a connection: the person has to make it anew.</summary>
/// <param name="error">In its words.</param>
internal sealed class ConnectionEndedException(string error) : Exception(error);
