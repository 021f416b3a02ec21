using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Serialization;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace McpIdentity.Server.Connections;

/// <summary>The client that this server is at an authorization server.</summary>
/// <param name="Id">Its <c>client_id</c>.</param>
/// <param name="Secret">Null for a public client, and for one of the configuration, whose secret is looked up there.</param>
/// <param name="Method">How it shows the secret.</param>
internal sealed record ClientAtAuthority(string Id, string? Secret, string Method)
{
    /// <summary>Where the browser comes back to, as it was registered; null where it was not registered by us.</summary>
    public string? RedirectUri { get; init; }

    /// <summary>When its secret is good no more (RFC 7591 §3.2.1); null: never.</summary>
    public DateTimeOffset? SecretExpiresAt { get; init; }

    /// <summary>Which way of showing a secret the authorization server takes.</summary>
    /// <exception cref="AuthorityException">None that this server knows.</exception>
    public static string MethodFor(Authority authority) =>
        authority.Methods.Count == 0 || authority.Methods.Contains(ClientAuthenticationMethods.ClientSecretBasic, StringComparer.Ordinal) ? ClientAuthenticationMethods.ClientSecretBasic
        : authority.Methods.Contains(ClientAuthenticationMethods.ClientSecretPost, StringComparer.Ordinal) ? ClientAuthenticationMethods.ClientSecretPost
        : throw new AuthorityException($"the authorization server {authority.Issuer} takes no secret in a way that this server knows, {ClientAuthenticationMethods.ClientSecretBasic} or {ClientAuthenticationMethods.ClientSecretPost}, but {string.Join(", ", authority.Methods)}");

    /// <summary>Puts who asks into a request of the token or revocation endpoint (RFC 6749 §2.3.1).</summary>
    /// <returns>The header; null where the form has it.</returns>
    public AuthenticationHeaderValue? SignIn(Dictionary<string, string> form)
    {
        if (Secret is not null && Method == ClientAuthenticationMethods.ClientSecretBasic)
        {
            return new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.ASCII.GetBytes($"{Uri.EscapeDataString(Id)}:{Uri.EscapeDataString(Secret)}")));
        }

        form[Parameters.ClientId] = Id;
        if (Secret is not null)
        {
            form[Parameters.ClientSecret] = Secret;
        }

        return null;
    }
}

/// <summary>What a person's account gave, as it is stored: it is for the server, with the client and at the authorization server that it came from, and no other.</summary>
/// <param name="AccessToken">For calls.</param>
/// <param name="RefreshToken">Null where none was given.</param>
/// <param name="ExpiresAt">Of the access token; null where that was not said.</param>
/// <param name="Issuer">The authorization server.</param>
/// <param name="Client">Who got them.</param>
/// <param name="Url">The MCP endpoint that they were given for.</param>
/// <param name="Resource">What that called itself (RFC 8707).</param>
internal sealed record ConnectionTokens(string AccessToken, string? RefreshToken, DateTimeOffset? ExpiresAt, string Issuer, ClientAtAuthority Client, Uri? Url, string? Resource);

/// <summary>A connection that is being made, while the person is at the authorization server.</summary>
internal sealed record PendingConnection(string Server, string UserId, string SessionId, string Verifier, string Issuer, string Resource, string RedirectUri, bool SaysIssuer, ClientAtAuthority Client)
{
    /// <summary>The protected ticket of the app's request that goes on afterwards; null: none.</summary>
    public string? Request { get; init; }

    /// <summary>The scopes that were asked for; null: none were named.</summary>
    public string? Scope { get; init; }
}

/// <summary>Whom a link is for, and until when.</summary>
internal sealed record ConnectionLink(string UserId, string Server, DateTimeOffset ExpiresAt)
{
    /// <summary>What the server wants beside what the person has allowed; null: nothing.</summary>
    public string? Scope { get; init; }
}

/// <summary>As they are encrypted.</summary>
[JsonSerializable(typeof(ClientAtAuthority))]
[JsonSerializable(typeof(ConnectionTokens))]
[JsonSerializable(typeof(PendingConnection))]
[JsonSerializable(typeof(ConnectionLink))]
internal sealed partial class ConnectionsJson : JsonSerializerContext;
