using System.Buffers;
using System.Buffers.Text;
using System.Text.Json;

namespace McpIdentity.Mcp.Credentials;

/// <summary>A JWT taken apart and not yet believed. Everything strange is refused here, before any cryptography.</summary>
internal sealed class UnverifiedToken : IDisposable
{
    public const int MaxLength = 16 * 1024;

    private static readonly SearchValues<char> Characters =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.");

    // Two readers of a duplicate member may see two values (RFC 8725 §2.4 in spirit; RFC 7519 §4 lets us refuse).
    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false, MaxDepth = 16 };

    private readonly JsonDocument _header;
    private readonly JsonDocument _payload;

    private UnverifiedToken(string raw, JsonDocument header, JsonDocument payload) => (Raw, _header, _payload) = (raw, header, payload);

    public string Raw { get; }

    public JsonElement Payload => _payload.RootElement;

    public string? KeyId => Text(_header.RootElement, "kid");

    public string? Type => Text(_header.RootElement, "typ");

    public string? Algorithm => Text(_header.RootElement, "alg");

    public string? Issuer => Text(Payload, "iss");

    public static UnverifiedToken? TryRead(string raw)
    {
        var text = raw.AsSpan();
        if (text.Length > MaxLength || text.ContainsAnyExcept(Characters) || text.Count('.') != 2)
        {
            return null;
        }

        var first = text.IndexOf('.');
        var header = Decode(text[..first]);
        var payload = Decode(text[(first + 1)..text.LastIndexOf('.')]);
        // RFC 7515 §4.1.11: an extension that we do not know, and we know none, makes the token invalid.
        if (header is null || payload is null || Text(header.RootElement, "alg") is null || header.RootElement.TryGetProperty("crit", out _))
        {
            header?.Dispose();
            payload?.Dispose();
            return null;
        }

        return new UnverifiedToken(raw, header, payload);
    }

    public static string? Text(JsonElement from, string member)
    {
        try
        {
            return from.TryGetProperty(member, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
        }
        catch (InvalidOperationException)
        {
            return null; // half of a surrogate pair: not a text
        }
    }

    public void Dispose()
    {
        _header.Dispose();
        _payload.Dispose();
    }

    private static JsonDocument? Decode(ReadOnlySpan<char> part)
    {
        try
        {
            var document = JsonDocument.Parse(Base64Url.DecodeFromChars(part), Strict);
            if (document.RootElement.ValueKind == JsonValueKind.Object)
            {
                return document;
            }

            document.Dispose();
            return null;
        }
        catch (Exception exception) when (exception is FormatException or JsonException)
        {
            return null;
        }
    }
}
