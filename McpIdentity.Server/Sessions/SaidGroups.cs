using System.Text.Json;

namespace McpIdentity.Server.Sessions;

/// <summary>
/// The groups that a provider said of a person, as they are kept: a JSON array of texts. Where the provider did not say all of them,
/// <see cref="Unknown"/> stands for the others.
/// </summary>
internal static class SaidGroups
{
    /// <summary>On the principal of a session. It stands in no grant and in no token.</summary>
    public const string Claim = "said_groups";

    /// <summary>Others, which are not known. No group is called so.</summary>
    public const string Unknown = "";

    public static string Write(IReadOnlyList<string> groups) => JsonSerializer.Serialize([.. groups], SessionsJson.Default.StringArray);

    /// <param name="stored">Null in a row of a release that did not ask.</param>
    public static string[] Parse(string? stored) => stored is null ? [Unknown] : JsonSerializer.Deserialize(stored, SessionsJson.Default.StringArray) ?? [];
}
