using McpIdentity.Mcp;
using McpIdentity.Server.Clients.Assertions;
using McpIdentity.Server.Protocol;
using McpIdentity.Server.Settings;
using Microsoft.Extensions.Options;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace McpIdentity.Server.Clients;

/// <summary>Refuses clients of the configuration that could not work.</summary>
internal sealed class StaticClientRules(OwnEndpoint own, IHostEnvironment environment) : IValidateOptions<OAuthServerOptions>
{
    public const int MinimumSecretLength = 16;

    public ValidateOptionsResult Validate(string? name, OAuthServerOptions options)
    {
        var clients = ConfiguredClients.ListFrom(options);
        var problems = clients.SelectMany(client => Check(client.Setting, client.Options).Concat(CheckResources(client.Setting, client.Options, options))).ToList();
        var (presets, unreadable) = ((IReadOnlyList<ClientPreset>)[], (string?)null);
        if (options.ClientPresets is { Length: > 0 } || clients.Any(client => client.Options.Preset is not null))
        {
            presets = ClientPreset.ListFrom(options, out unreadable);
        }

        problems.AddRange(unreadable is null ? [] : [unreadable]);
        problems.AddRange(clients.Where(client => unreadable is null && client.Options.Preset is { } preset && !presets.Any(known => known.Id == preset))
            .Select(client => $"{client.Setting}:Preset is '{client.Options.Preset}', which is none of {string.Join(", ", presets.Select(known => known.Id).OfType<string>())}."));
        if (environment.IsProduction() && !string.IsNullOrEmpty(options.McpClientSecret) && !Placeholders.IsSet(options.McpClientSecret))
        {
            // It counts as none, and the client as a public one: in Production nobody wants that unsaid.
            problems.Add("OAuth:McpClientSecret (MCP_CLIENT_SECRET) is a sample: use random characters (verb keygen), or leave it out for a public client.");
        }

        problems.AddRange(clients.GroupBy(client => client.Options.ClientId).Where(group => group.Key is not null && group.Count() > 1)
            .Select(group => $"The client id {group.Key} is configured twice: {string.Join(", ", group.Select(client => client.Setting))}."));

        return problems.Count > 0 ? ValidateOptionsResult.Fail(problems) : ValidateOptionsResult.Success;
    }

    private IEnumerable<string> Check(string setting, StaticClientOptions client)
    {
        // A URL would be a client ID metadata document.
        if (client.ClientId is not { Length: > 0 and <= 100 } id || id.Any(c => c is <= ' ' or >= (char)0x7f or ':'))
        {
            yield return $"{setting}: the client id must be 1 to 100 ASCII characters without spaces and colons.";
        }

        if (client.ClientSecret is { Length: < MinimumSecretLength } secret)
        {
            yield return $"{setting}: the client secret must be at least {MinimumSecretLength} characters (got {secret.Length}).";
        }

        else if (client.ClientSecret is { } said && environment.IsProduction() && SecretStrength.IsWeak(said, SecretStrength.PasswordBits))
        {
            yield return $"{setting}: the client secret is a sample or too regular to be secret: use random characters (verb keygen).";
        }

        foreach (var grant in client.GrantTypes.Where(grant => !ClientMetadataRules.SupportedGrantTypes.Contains(grant)))
        {
            yield return $"{setting}: the grant type '{grant}' is not served; use {string.Join(", ", ClientMetadataRules.SupportedGrantTypes)}.";
        }

        foreach (var problem in ConfiguredKeys.Check(setting, client))
        {
            yield return problem;
        }

        foreach (var scope in client.AdminScopes.Where(scope => ServerScopes.OfAdminApi.All(known => known.Name != scope)))
        {
            yield return $"{setting}:AdminScopes has '{scope}', which is none of {string.Join(", ", ServerScopes.OfAdminApi.Select(known => known.Name))}.";
        }

        var grants = ConfiguredClients.GrantTypesOf(client);
        if (client.AdminScopes.Count > 0 && !grants.Contains(GrantTypes.ClientCredentials))
        {
            yield return $"{setting}:AdminScopes is for a client that speaks for itself: give it GrantTypes client_credentials.";
        }

        if (grants.Contains(GrantTypes.ClientCredentials) && ConfiguredClients.IsPublic(client))
        {
            yield return client.RedirectUris.Count == 0
                ? $"{setting}: set redirect URIs, or a client secret or keys for a service without a browser."
                : $"{setting}: client_credentials needs a client secret or keys (RFC 6749 §4.4).";
        }

        if (grants.Contains(GrantTypes.AuthorizationCode) && client.RedirectUris.Count == 0)
        {
            yield return $"{setting}: authorization_code needs redirect URIs.";
        }

        foreach (var (uri, problem) in client.RedirectUris.Select(uri => (uri, RedirectUris.Check(uri))).Where(checkedUri => checkedUri.Item2 is not null))
        {
            yield return $"{setting}: '{uri}' is no redirect URI. {problem}";
        }
    }

    // An entry that means nothing would leave a resource server without an answer to every token.
    private IEnumerable<string> CheckResources(string setting, StaticClientOptions client, OAuthServerOptions options)
    {
        if (client.Resources.Count > 0 && ConfiguredClients.IsPublic(client))
        {
            yield return $"{setting}: Resources needs a client secret or keys: without anybody could ask about tokens (RFC 7662 §2.1).";
        }

        foreach (var resource in client.Resources.Where(resource => !IsServed(resource, options)))
        {
            yield return $"{setting}: Resources has '{resource}', which is neither in OAuth:Resources nor this server's own MCP endpoint.";
        }
    }

    private bool IsServed(string resource, OAuthServerOptions options) => ResourceRules.IsResourceIdentifier(resource) &&
        options.Resources.Select(entry => entry.Resource).Append(own.Identifier)
            .Any(served => ResourceRules.IsResourceIdentifier(served) && ProtectedResources.IsSame(new Uri(served!), new Uri(resource)));
}
