using McpIdentity.Server.Clients.Assertions;
using McpIdentity.Server.Settings;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace McpIdentity.Server.Clients;

/// <summary>What the configuration says of clients: <c>OAuth:StaticClients</c>, and the one of <c>MCP_CLIENT_ID</c>.</summary>
internal static class ConfiguredClients
{
    /// <summary>Every configured client, with the setting that names it.</summary>
    public static IReadOnlyList<(string Setting, StaticClientOptions Options)> ListFrom(OAuthServerOptions oauth)
    {
        var configured = oauth.StaticClients.Select((client, i) => ($"OAuth:StaticClients:{i}", client)).ToList();
        if (Placeholders.IsSet(oauth.McpClientId))
        {
            var client = new StaticClientOptions { ClientId = oauth.McpClientId, ClientSecret = Placeholders.IsSet(oauth.McpClientSecret) ? oauth.McpClientSecret : null };
            foreach (var uri in (oauth.McpRedirectUris ?? "").Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
            {
                client.RedirectUris.Add(uri);
            }

            configured.Add(("OAuth:McpClientId (MCP_CLIENT_ID, MCP_CLIENT_SECRET, MCP_REDIRECT_URIS)", client));
        }

        return configured;
    }

    /// <summary>Nothing proves that it is this client but where the answer goes.</summary>
    public static bool IsPublic(StaticClientOptions client) => string.IsNullOrEmpty(client.ClientSecret) && !ConfiguredKeys.HasKeys(client);

    public static IReadOnlyList<string> GrantTypesOf(StaticClientOptions client) =>
        client.GrantTypes is { Count: > 0 } grants ? [.. grants]
        : client.RedirectUris.Count > 0 ? [GrantTypes.AuthorizationCode, GrantTypes.RefreshToken] : [GrantTypes.ClientCredentials];
}
