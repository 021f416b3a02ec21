using System.Collections.Immutable;
using System.Text.Json;
using McpIdentity.Server.Outbound;
using McpIdentity.Server.Settings;

namespace McpIdentity.Server.Clients.Documents;

/// <summary>How long what was read at a URL is good, in seconds since 1970. A client that has it is known by a document.</summary>
/// <param name="FreshUntil">From then on it is read again.</param>
/// <param name="StaleUntil">Until then it counts when it cannot be read again.</param>
internal sealed record DocumentTimes(long FreshUntil, long StaleUntil)
{
    private const string Property = "document";

    // What a cache may guess where nothing is said (RFC 9111 §4.2.2).
    private static readonly TimeSpan Guess = TimeSpan.FromHours(1);

    /// <param name="properties">OpenIddict's properties of the client.</param>
    /// <returns>Null for a client that is not known by a document.</returns>
    public static DocumentTimes? Of(ImmutableDictionary<string, JsonElement> properties) =>
        properties.TryGetValue(Property, out var value) ? value.Deserialize(ClientsJson.Default.DocumentTimes) : null;

    /// <inheritdoc cref="Of"/>
    /// <param name="properties">The same as they are stored.</param>
    public static DocumentTimes? In(string? properties) =>
        properties is not null && JsonDocument.Parse(properties).RootElement.TryGetProperty(Property, out var value)
            ? value.Deserialize(ClientsJson.Default.DocumentTimes)
            : null;

    /// <param name="answer">What was read, with its headers.</param>
    /// <param name="now">When it was read.</param>
    /// <param name="options">The bounds.</param>
    public static DocumentTimes From(GuardedAnswer answer, DateTimeOffset now, ClientDocumentOptions options)
    {
        var cache = answer.CacheControl;
        // RFC 9111 §4.2.1, in its order; what must not be kept is kept for the shortest time: each fetch is somebody's to cause.
        var said = cache is { NoStore: true } or { NoCache: true } ? TimeSpan.Zero
            : cache?.SharedMaxAge ?? cache?.MaxAge ?? (answer.Expires is { } expires ? expires - (answer.Date ?? now) : Guess);
        var lifetime = said - (answer.Age ?? TimeSpan.Zero);
        var bounded = lifetime < options.ShortestLifetime ? options.ShortestLifetime : lifetime > options.LongestLifetime ? options.LongestLifetime : lifetime;
        var freshUntil = now + bounded;
        return new DocumentTimes(freshUntil.ToUnixTimeSeconds(), (freshUntil + options.GoodOnError).ToUnixTimeSeconds());
    }

    public bool IsFresh(DateTimeOffset now) => now.ToUnixTimeSeconds() < FreshUntil;

    public bool IsGoodOnError(DateTimeOffset now) => now.ToUnixTimeSeconds() < StaleUntil;

    public void WriteTo(IDictionary<string, JsonElement> properties) =>
        properties[Property] = JsonSerializer.SerializeToElement(this, ClientsJson.Default.DocumentTimes);
}
