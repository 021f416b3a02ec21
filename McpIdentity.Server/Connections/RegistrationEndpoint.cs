using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using McpIdentity.Migrations;
using McpIdentity.Server.Settings;
using Microsoft.Extensions.Options;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace McpIdentity.Server.Connections;

/// <summary>Registers this server as a client at an authorization server (RFC 7591 §3.1).</summary>
internal sealed class RegistrationEndpoint(AuthorityHttp http, IOptions<BrandingOptions> branding)
{
    /// <exception cref="AuthorityException">It does not, or with what cannot be kept.</exception>
    public async Task<ClientAtAuthority> RegisterAsync(ConnectableServer server, Authority authority, string redirectUri)
    {
        // Before anything is made there that would be nobody's.
        if (authority.Issuer.Length > McpIdentityDbContext.Lengths.Text)
        {
            throw new AuthorityException($"the authorization server's issuer has more than {McpIdentityDbContext.Lengths.Text} characters: register this server there by hand, and set Upstream:ClientId and Upstream:Issuer");
        }

        var method = authority.Methods.Count == 0 || authority.Methods.Contains(ClientAuthenticationMethods.None, StringComparer.Ordinal)
            ? ClientAuthenticationMethods.None
            : ClientAtAuthority.MethodFor(authority);
        using var content = new ByteArrayContent(JsonSerializer.SerializeToUtf8Bytes(new Dictionary<string, object>
        {
            ["client_name"] = branding.Value.Name,
            ["redirect_uris"] = new[] { redirectUri },
            ["grant_types"] = new[] { GrantTypes.AuthorizationCode, GrantTypes.RefreshToken },
            ["response_types"] = new[] { ResponseTypes.Code },
            ["token_endpoint_auth_method"] = method,
            ["application_type"] = "web",
        }));
        content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        // Nobody's leaving ends it: others wait for the same.
        var (status, answer) = await http.PostAsync(server, authority.RegistrationEndpoint!, content, null, CancellationToken.None);
        if (status is not (HttpStatusCode.Created or HttpStatusCode.OK) || Authority.Text(answer, Parameters.ClientId) is not { Length: > 0 } id)
        {
            throw new AuthorityException($"the authorization server {authority.Issuer} did not register this server: {(int)status} {Authority.Text(answer, Parameters.Error)} {Authority.Text(answer, Parameters.ErrorDescription)}".TrimEnd());
        }

        if (id.Length > McpIdentityDbContext.Lengths.ClientId)
        {
            throw new AuthorityException($"the authorization server {authority.Issuer} gave this server a client_id of more than {McpIdentityDbContext.Lengths.ClientId} characters");
        }

        var secret = Authority.Text(answer, Parameters.ClientSecret);
        var told = Authority.Text(answer, "token_endpoint_auth_method");
        // RFC 7591 §3.2.1: it may have replaced what was asked for; 0: the secret does not expire.
        return new ClientAtAuthority(id, secret, told is null or ClientAuthenticationMethods.None && secret is not null ? ClientAtAuthority.MethodFor(authority) : told ?? method)
        {
            RedirectUri = redirectUri,
            SecretExpiresAt = answer!.Value.TryGetProperty("client_secret_expires_at", out var at) && at.ValueKind == JsonValueKind.Number && at.TryGetInt32(out var seconds) && seconds > 0
                ? DateTimeOffset.FromUnixTimeSeconds(seconds) : null,
        };
    }
}
