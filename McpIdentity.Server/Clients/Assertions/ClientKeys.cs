using System.Collections.Immutable;
using System.Text.Json;
using McpIdentity.Mcp;
using McpIdentity.Mcp.IssuerKeys;
using McpIdentity.Server.Clients.Documents;
using McpIdentity.Server.Outbound;
using McpIdentity.Server.Persistence;
using Microsoft.Extensions.Caching.Memory;
using Microsoft.IdentityModel.Tokens;
using OpenIddict.EntityFrameworkCore.Models;

namespace McpIdentity.Server.Clients.Assertions;

/// <summary>
/// The keys that a client signs its assertions with: those that stand in its row, or those at its <c>jwks_uri</c>, which are
/// read when they are first needed (at the registration it would be a stranger who makes us ask any address) and kept in the
/// row with the moment of the reading. An unknown key has them read again; nobody can have them read all the time.
/// </summary>
internal sealed partial class ClientKeys(
    GuardedHttp http, FetchBudgets budgets, PreparedSql sql, ClientCache.Entries clients, TimeProvider time, ILogger<ClientKeys> logger) : IDisposable
{
    /// <summary>How old keys may get before they are read again: one that the client took away is refused from then on.</summary>
    public static readonly TimeSpan MaxAge = TimeSpan.FromHours(1);

    /// <summary>How old they may get where they cannot be read.</summary>
    public static readonly TimeSpan MaxAgeOnError = TimeSpan.FromDays(1);

    /// <summary>After a reading that brought nothing new, tokens with invented keys cause none for so long.</summary>
    public static readonly TimeSpan Pause = TimeSpan.FromMinutes(2);

    /// <summary>After one that brought a new key, which may be followed by one more.</summary>
    public static readonly TimeSpan PauseAfterChange = TimeSpan.FromSeconds(10);

    /// <summary>After one that failed.</summary>
    public static readonly TimeSpan PauseOnError = TimeSpan.FromSeconds(30);

    private const string UriProperty = "jwks_uri";
    private const string ReadAtMember = "read_at";
    private const int MaxRemembered = 10_000;

    private const string Update = """
        UPDATE "OpenIddictApplications" SET "JsonWebKeySet" = $1, "ConcurrencyToken" = $3 WHERE "ClientId" = $2
        """;

    // Parsed keys by the text that they stand in, and readings by client.
    private readonly MemoryCache _parsed = BoundedCache.Of(MaxRemembered, time);
    private readonly MemoryCache _readings = BoundedCache.Of(MaxRemembered, time);
    private readonly Lock _lock = new();

    /// <summary>Says where a client's keys are.</summary>
    public static void SetUri(IDictionary<string, JsonElement> properties, string? uri)
    {
        properties.Remove(UriProperty);
        if (uri is not null)
        {
            properties[UriProperty] = JsonSerializer.SerializeToElement(uri);
        }
    }

    public static string? UriOf(IReadOnlyDictionary<string, JsonElement> properties) => properties.TryGetValue(UriProperty, out var uri) ? uri.GetString() : null;

    /// <returns>Null for a client that has no keys, and cannot authenticate with them.</returns>
    public IKeySource? SourceOf(OpenIddictEntityFrameworkCoreApplication client, ImmutableDictionary<string, JsonElement> properties) =>
        UriOf(properties) is { } uri ? new KeysAtUri(this, time, client.ClientId!, uri, ReadStored(client.JsonWebKeySet, uri))
        : client.JsonWebKeySet is { Length: > 0 } text ? new KeysAtHand(() => Parse(text))
        : null;

    public void Dispose()
    {
        _parsed.Dispose();
        _readings.Dispose();
    }

    private KnownKeys? ReadStored(string? text, string uri)
    {
        if (text is not { Length: > 0 })
        {
            return null;
        }

        using var set = JsonDocument.Parse(text);
        // Of another place: the client has moved its keys.
        return set.RootElement.TryGetProperty(UriProperty, out var from) && from.ValueEquals(uri) && set.RootElement.TryGetProperty(ReadAtMember, out var at)
            ? new KnownKeys(DateTimeOffset.FromUnixTimeSeconds(at.GetInt64()), Parse(text))
            : null;
    }

    private IReadOnlyList<SecurityKey> Parse(string text) => _parsed.GetOrCreate(text, entry =>
    {
        entry.Size = 1;
        entry.SlidingExpiration = TimeSpan.FromMinutes(10);
        return KeySet.Read(text, "the client's key set");
    })!;

    /// <summary>Reads what the client publishes, once for all who need it at the same time, and not again before the pause is over.</summary>
    /// <returns>What there is since then; null when it could not be read.</returns>
    // Everybody who misses a key waits for the same reading; who comes within the pause gets what it brought.
    public Task<KnownKeys?> ReadOnceAsync(string clientId, string uri, KnownKeys? known)
    {
        var key = (clientId, uri);
        lock (_lock)
        {
            if (_readings.TryGetValue(key, out Reading? last) && !(last!.Work.IsCompleted && time.GetUtcNow() >= last.PausedUntil))
            {
                return last.Work;
            }

            var reading = new Reading();
            reading.Work = ReadAsync(clientId, uri, known, reading);
            return _readings.Set(key, reading, new MemoryCacheEntryOptions { Size = 1, SlidingExpiration = TimeSpan.FromMinutes(10) }).Work;
        }
    }

    // The reading serves everybody who waits: it does not end because one of them hangs up. GuardedHttp bounds it.
    private async Task<KnownKeys?> ReadAsync(string clientId, string uri, KnownKeys? known, Reading reading)
    {
        await Task.Yield();
        var now = time.GetUtcNow();
        reading.PausedUntil = now + PauseOnError; // whatever happens
        try
        {
            var url = new Uri(uri, UriKind.Absolute);
            using var _ = budgets.Take(url.IdnHost, isKnown: known is not null);
            var answer = await http.GetAsync(url, CancellationToken.None);
            using var set = JsonDocument.Parse(answer.Body);
            if (ClientKeySets.Check(set.RootElement) is { } problem)
            {
                throw new GuardedHttpException($"what it publishes {problem}");
            }

            var text = ClientKeySets.Write(set.RootElement, writer =>
            {
                writer.WriteString(UriProperty, uri);
                writer.WriteNumber(ReadAtMember, now.ToUnixTimeSeconds());
            });
            var read = new KnownKeys(now, Parse(text));
            await sql.WriteAsync(Update, text, clientId, Guid.NewGuid().ToString());
            clients.Forget(clientId);
            reading.PausedUntil = now + (known is null ? TimeSpan.Zero : read.IsSameAs(known) ? Pause : PauseAfterChange);
            return read;
        }
        catch (Exception exception) when (exception is GuardedHttpException or JsonException)
        {
            KeysNotRead(clientId, exception is JsonException ? "what it publishes is no JSON" : exception.Message);
            return null;
        }
    }

    [LoggerMessage(1021, LogLevel.Warning, "The keys of client {ClientId} at its jwks_uri could not be read: {Reason}.")]
    private partial void KeysNotRead(string clientId, string reason);

    private sealed class Reading
    {
        public Task<KnownKeys?> Work { get; set; } = null!;

        public DateTimeOffset PausedUntil { get; set; }
    }
}
