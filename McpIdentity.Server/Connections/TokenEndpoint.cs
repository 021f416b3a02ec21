using System.Net;
using System.Text.Json;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace McpIdentity.Server.Connections;

/// <summary>Asks an authorization server for a person's tokens: for a code, and again for a refresh token; and gives them back.</summary>
internal sealed class TokenEndpoint(AuthorityHttp http, TimeProvider time)
{
    // GitHub's word for it, with 200.
    private const string GitHubsInvalidClient = "incorrect_client_credentials";

    /// <summary>RFC 6749 §4.1.3, with the verifier (RFC 7636 §4.5) and the resource (RFC 8707 §2.2).</summary>
    /// <exception cref="AuthorityException">It gives none now.</exception>
    /// <exception cref="ConnectionEndedException">It gives none for this code.</exception>
    public async Task<(ConnectionTokens Tokens, string? Scope)> RedeemAsync(ConnectableServer server, Authority authority, PendingConnection pending, string code)
    {
        var answer = await AskAsync(server, authority, pending.Client, new Dictionary<string, string>
        {
            [Parameters.GrantType] = GrantTypes.AuthorizationCode,
            [Parameters.Code] = code,
            [Parameters.RedirectUri] = pending.RedirectUri,
            [Parameters.CodeVerifier] = pending.Verifier,
            [Parameters.Resource] = pending.Resource,
        });
        var given = new ConnectionTokens("", null, null, pending.Issuer, pending.Client, server.Url, pending.Resource);
        return (Read(answer, given), Authority.Text(answer, Parameters.Scope));
    }

    /// <summary>RFC 6749 §6.</summary>
    /// <exception cref="AuthorityException">It gives none now.</exception>
    /// <exception cref="ConnectionEndedException">It never will.</exception>
    public async Task<ConnectionTokens> RefreshAsync(ConnectableServer server, Authority authority, ConnectionTokens tokens)
    {
        var answer = await AskAsync(server, authority, tokens.Client, new Dictionary<string, string>
        {
            [Parameters.GrantType] = GrantTypes.RefreshToken,
            [Parameters.RefreshToken] = tokens.RefreshToken!,
            [Parameters.Resource] = tokens.Resource ?? "", // what was agreed to, whatever the server calls itself meanwhile
        });
        return Read(answer, tokens);
    }

    /// <summary>RFC 7009, where it is offered: the tokens are deleted here in any case.</summary>
    /// <exception cref="AuthorityException">It was not done.</exception>
    public async Task RevokeAsync(ConnectableServer server, Authority authority, ConnectionTokens tokens)
    {
        if (authority.RevocationEndpoint is not { } endpoint)
        {
            throw new AuthorityException($"{authority.Issuer} has no revocation_endpoint (RFC 7009)");
        }

        var form = new Dictionary<string, string> { [Parameters.Token] = tokens.RefreshToken ?? tokens.AccessToken };
        var (status, _) = await PostAsync(server, authority, endpoint, tokens.Client, form);
        if (status != HttpStatusCode.OK)
        {
            throw new AuthorityException($"{authority.Issuer} answered {(int)status}");
        }
    }

    private async Task<JsonElement> AskAsync(ConnectableServer server, Authority authority, ClientAtAuthority client, Dictionary<string, string> form)
    {
        if (form.GetValueOrDefault(Parameters.Resource) == "")
        {
            form.Remove(Parameters.Resource); // as the operator says
        }

        var (status, body) = await PostAsync(server, authority, authority.TokenEndpoint, client, form);
        var said = Authority.Text(body, Parameters.Error);
        var error = said == GitHubsInvalidClient ? Errors.InvalidClient : said;
        var says = $"{said} {Authority.Text(body, Parameters.ErrorDescription)}".Trim();
        return error switch
        {
            null when status == HttpStatusCode.OK && body is { } answer => answer,
            // A secret of the configuration that is wrong or too old says nothing of anybody's account: it is for the operator to mend.
            Errors.InvalidClient or Errors.UnauthorizedClient when !IsConfigured(server, client) => throw new ConnectionEndedException(Errors.InvalidClient, says),
            // RFC 6749 §5.2, and what authorization servers say beside: it stays so. Another status may be of what stands before them, or better later.
            { } final when final is not (Errors.InvalidClient or Errors.UnauthorizedClient or Errors.TemporarilyUnavailable or Errors.SlowDown or Errors.ServerError) &&
                status is (HttpStatusCode.OK or HttpStatusCode.BadRequest or HttpStatusCode.Unauthorized) => throw new ConnectionEndedException(final, says),
            _ => throw new AuthorityException($"the token endpoint of {authority.Issuer} answered {(int)status} {says}".TrimEnd()),
        };
    }

    // Nobody's leaving ends it: what is shown may be spent by then.
    private async Task<(HttpStatusCode Status, JsonElement? Body)> PostAsync(ConnectableServer server, Authority authority, Uri endpoint, ClientAtAuthority client, Dictionary<string, string> form)
    {
        var shown = IsConfigured(server, client) ? client with { Secret = server.Upstream.ClientSecret, Method = server.Upstream.ClientSecret is null ? ClientAuthenticationMethods.None : ClientAtAuthority.MethodFor(authority) } : client;
        var authorization = shown.SignIn(form);
        using var content = new FormUrlEncodedContent(form);
        return await http.PostAsync(server, endpoint, content, authorization, CancellationToken.None);
    }

    private static bool IsConfigured(ConnectableServer server, ClientAtAuthority client) => server.Upstream.ClientId == client.Id;

    // What is not said anew stays as it was.
    private ConnectionTokens Read(JsonElement answer, ConnectionTokens before)
    {
        if (Authority.Text(answer, Parameters.AccessToken) is not { Length: > 0 } token || token.AsSpan().ContainsAnyExceptInRange('!', '~') ||
            !string.Equals(Authority.Text(answer, Parameters.TokenType), TokenTypes.Bearer, StringComparison.OrdinalIgnoreCase))
        {
            throw new AuthorityException($"the token endpoint of {before.Issuer} gave no bearer token");
        }

        return before with
        {
            AccessToken = token,
            RefreshToken = Authority.Text(answer, Parameters.RefreshToken) is { Length: > 0 } refresh ? refresh : before.RefreshToken,
            ExpiresAt = time.GetUtcNow() + Authority.Lifetime(answer),
        };
    }
}

/// <summary>The authorization server has ended a connection: the person has to make it anew.</summary>
/// <param name="error">Its word for it.</param>
/// <param name="says">The same with what it says beside.</param>
internal sealed class ConnectionEndedException(string error, string? says = null) : Exception(says ?? error)
{
    public string Error { get; } = error;
}
