using System.Text.Json;

namespace McpIdentity.Server.Clients;

/// <summary>The secret that a client had before its last one, good for a while longer: whoever runs the client changes it meanwhile.</summary>
/// <param name="Hash">As it was stored.</param>
/// <param name="Until">How long it is good.</param>
internal sealed record PreviousSecret(string Hash, DateTimeOffset Until)
{
    private const string Property = "previous_secret";

    public static PreviousSecret? Of(IReadOnlyDictionary<string, JsonElement> properties) =>
        properties.TryGetValue(Property, out var stored) ? stored.Deserialize(ClientsJson.Default.PreviousSecret) : null;

    /// <summary>Keeps it, in the place of an earlier one; null: none is good any more.</summary>
    public static void Store(IDictionary<string, JsonElement> properties, PreviousSecret? secret)
    {
        if (secret is null)
        {
            properties.Remove(Property);
        }
        else
        {
            properties[Property] = JsonSerializer.SerializeToElement(secret, ClientsJson.Default.PreviousSecret);
        }
    }
}
