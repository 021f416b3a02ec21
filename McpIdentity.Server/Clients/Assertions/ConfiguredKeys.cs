using System.Text.Json;
using McpIdentity.Server.Settings;

namespace McpIdentity.Server.Clients.Assertions;

/// <summary>The keys of a client of the configuration: <c>OAuth:StaticClients:{n}:Jwks</c> and <c>:JwksUri</c>.</summary>
internal static class ConfiguredKeys
{
    public static bool HasKeys(StaticClientOptions client) => !string.IsNullOrEmpty(client.Jwks) || !string.IsNullOrEmpty(client.JwksUri);

    /// <returns>The key set that <c>Jwks</c> is, or is the file of; null where there is none.</returns>
    /// <exception cref="JsonException">It is no JSON.</exception>
    /// <exception cref="IOException">It is no file that can be read.</exception>
    public static JsonElement? Read(StaticClientOptions client) =>
        string.IsNullOrEmpty(client.Jwks) ? null
        : JsonElement.Parse(client.Jwks.TrimStart().StartsWith('{') ? client.Jwks : File.ReadAllText(client.Jwks));

    /// <summary>What stops the start.</summary>
    public static IEnumerable<string> Check(string setting, StaticClientOptions client)
    {
        if (!string.IsNullOrEmpty(client.Jwks) && !string.IsNullOrEmpty(client.JwksUri))
        {
            yield return $"{setting}: set Jwks or JwksUri, not both.";
        }

        if (HasKeys(client) && !string.IsNullOrEmpty(client.ClientSecret))
        {
            yield return $"{setting}: a client has a secret or keys, not both.";
        }

        if (!string.IsNullOrEmpty(client.JwksUri) && !ClientKeySets.IsUri(client.JwksUri))
        {
            yield return $"{setting}:JwksUri must be an https URL.";
        }

        if (ProblemOf(client) is { } problem)
        {
            yield return $"{setting}:Jwks {problem}.";
        }
    }

    private static string? ProblemOf(StaticClientOptions client)
    {
        try
        {
            return Read(client) is { } set ? ClientKeySets.Check(set) : null;
        }
        catch (JsonException)
        {
            return "is no JSON: a key set ({\"keys\": [...]}), or the path of a file that holds one";
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            return $"is neither JSON nor a file that can be read ({exception.GetType().Name})";
        }
    }
}
