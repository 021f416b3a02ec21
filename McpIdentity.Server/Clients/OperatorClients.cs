using System.Collections.Immutable;
using System.Text.Json;

namespace McpIdentity.Server.Clients;

/// <summary>
/// What is kept of a client that an operator made while the server ran: who did, and when. It has no date of registration, as those have
/// that registered themselves and are pruned when nobody uses them.
/// </summary>
internal static class OperatorClients
{
    /// <summary>The property that says so; a client that registered itself has none.</summary>
    public const string Property = "created_by_operator";

    public static void Store(IDictionary<string, JsonElement> properties, string by, DateTimeOffset at) =>
        properties[Property] = JsonSerializer.SerializeToElement(new Origin(by, at), ClientsJson.Default.Origin);

    /// <returns>Null for a client that no operator made so.</returns>
    public static Origin? Of(IReadOnlyDictionary<string, JsonElement> properties) =>
        properties.TryGetValue(Property, out var made) ? made.Deserialize(ClientsJson.Default.Origin) : null;

    /// <summary>Whether an operator named the client: in the settings, or here. One that registered itself chose its own name.</summary>
    public static bool IsNamedByOperator(ImmutableDictionary<string, JsonElement> properties) => StaticClients.IsConfigured(properties) || properties.ContainsKey(Property);

    /// <param name="By">The operator.</param>
    /// <param name="At">When.</param>
    internal sealed record Origin(string By, DateTimeOffset At);
}
