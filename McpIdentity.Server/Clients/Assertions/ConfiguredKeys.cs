using System.Text.Json;
using McpIdentity.Server.Settings;

namespace McpIdentity.Server.Clients.Assertions;

/// <summary>Keys of the configuration: <c>OAuth:StaticClients:{n}:Jwks</c> and <c>:JwksUri</c>, and those of who signs software statements.</summary>
internal static class ConfiguredKeys
{
    public static bool HasKeys(StaticClientOptions client) => !string.IsNullOrEmpty(client.Jwks) || !string.IsNullOrEmpty(client.JwksUri);

    /// <param name="jwks">The setting.</param>
    /// <returns>The key set that it is, or is the file of; null where there is none.</returns>
    /// <exception cref="JsonException">It is no JSON.</exception>
    /// <exception cref="IOException">It is no file that can be read.</exception>
    public static JsonElement? Read(string? jwks) =>
        string.IsNullOrEmpty(jwks) ? null
        : JsonElement.Parse(jwks.TrimStart().StartsWith('{') ? jwks : File.ReadAllText(jwks));

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

        if (ProblemOf(client.Jwks) is { } problem)
        {
            yield return $"{setting}:Jwks {problem}.";
        }
    }

    /// <returns>Why a set cannot be used, as the second half of a sentence; null for one that can, or is not there.</returns>
    public static string? ProblemOf(string? jwks)
    {
        try
        {
            return Read(jwks) is { } set ? ClientKeySets.Check(set) : null;
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
