using System.Text.Json;
using System.Text.Json.Serialization;
using McpIdentity.Server.Settings;

namespace McpIdentity.Server.Clients;

/// <summary>What is known of a client in wide use: an entry of <c>presets.json</c>, or of the operator's own file in its place.</summary>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
internal sealed class ClientPreset
{
    /// <summary>What <c>OAuth:StaticClients:n:Preset</c> names it by; without one it is only a name that people trust.</summary>
    public string? Id { get; set; }

    public required string Name { get; set; }

    /// <summary>The words by which people know it; whoever uses one and is sent the answer elsewhere is marked.</summary>
    public IReadOnlyList<string>? Names { get; set; }

    /// <summary>Where its answers go over https; what is below one is its own too.</summary>
    public IReadOnlyList<string>? Hosts { get; set; }

    public IReadOnlyList<string>? Schemes { get; set; }

    /// <summary>The redirect URIs that it uses. The port of a loopback address does not matter.</summary>
    public IReadOnlyList<string>? RedirectUris { get; set; }

    /// <summary>It registers with the method <c>none</c>, and refuses an answer without a secret.</summary>
    public bool NeedsSecret { get; set; }

    /// <summary>Those that this release knows, or those of the file that <c>OAuth:ClientPresets</c> names.</summary>
    /// <param name="options">The settings.</param>
    /// <param name="problem">Why the file cannot be used, or null. Then the list is empty.</param>
    public static IReadOnlyList<ClientPreset> ListFrom(OAuthServerOptions options, out string? problem)
    {
        problem = null;
        try
        {
            using var file = options.ClientPresets is { Length: > 0 } path ? File.OpenRead(path) : typeof(ClientPreset).Assembly.GetManifestResourceStream("presets.json")!;
            var presets = JsonSerializer.Deserialize(file, ClientsJson.Default.ListClientPreset) ?? [];
            problem = presets.Select(preset => preset?.Problem() ?? (preset is null ? "an entry is null" : null)).FirstOrDefault(why => why is not null) is { } wrong
                ? $"OAuth:ClientPresets: {options.ClientPresets} cannot be used: {wrong}."
                : null;
            return problem is null ? presets : [];
        }
        catch (Exception exception) when (exception is JsonException or IOException or UnauthorizedAccessException or NotSupportedException or ArgumentException)
        {
            problem = $"OAuth:ClientPresets: {options.ClientPresets} cannot be read as a list of clients: {exception.Message}";
            return [];
        }
    }

    /// <summary>Completes the configured clients that name a preset; a name that is none is left to <see cref="StaticClientRules"/>.</summary>
    public static void Apply(OAuthServerOptions options)
    {
        if (options.StaticClients.All(client => client.Preset is null))
        {
            return; // the list is long to read for each start and each verb
        }

        var presets = ListFrom(options, out _);
        foreach (var client in options.StaticClients)
        {
            if (client.Preset is null || presets.FirstOrDefault(known => known.Id == client.Preset) is not { } preset)
            {
                continue;
            }

            client.ClientId = string.IsNullOrEmpty(client.ClientId) ? preset.Id : client.ClientId;
            client.Name ??= preset.Name;
            foreach (var uri in (preset.RedirectUris ?? []).Except(client.RedirectUris).ToList())
            {
                client.RedirectUris.Add(uri);
            }
        }
    }

    private string? Problem() =>
        (RedirectUris ?? []).Select(uri => Clients.RedirectUris.Check(uri) is { } why ? $"'{uri}' of {Name} is no redirect URI. {why}" : null).FirstOrDefault(why => why is not null);
}
