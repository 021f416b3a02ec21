using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;

namespace McpIdentity.Mcp.Audit;

/// <summary>Writes an event as one line. The encoder escapes everything but plain ASCII, so no text can begin a line of its own.</summary>
internal static class SecurityEventJson
{
    /// <summary>What is longer is cut: what a caller chooses must not fill the disk.</summary>
    public const int MaxLength = 256;

    /// <summary>An address: of a client that is its document, or of a server.</summary>
    private const int MaxAddress = 2048;

    // Redirect URIs are compared by eye: longer ones are common.
    private const int MaxCompared = 600;

    public static void WriteLine(ArrayBufferWriter<byte> buffer, SecurityEvent e)
    {
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("time", e.Time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture));
            json.WriteString("level", LevelName(e.Level));
            json.WriteString("event", e.Event);
            json.WriteString("result", e.Result);
            Write(json, "reason", e.Reason);
            if (e.Count is { } count)
            {
                json.WriteNumber("count", count);
            }

            Write(json, "actor", e.Actor);
            Write(json, "client_id", e.ClientId, MaxOfAddress(e.ClientId));
            Write(json, "subject", e.Subject);
            Write(json, "resource", e.Resource, MaxOfAddress(e.Resource));
            Write(json, "method", e.Method);
            Write(json, "tool", e.Tool);
            Write(json, "server", e.Server);
            Write(json, "rule", e.Rule);
            Write(json, "got", e.Got, MaxCompared);
            Write(json, "expected", e.Expected, MaxCompared);
            Write(json, "before", e.Before, MaxCompared);
            Write(json, "after", e.After, MaxCompared);
            if (e.Milliseconds is { } milliseconds)
            {
                json.WriteNumber("milliseconds", milliseconds);
            }

            Write(json, "auth_method", e.AuthMethod);
            Write(json, "grant_type", e.GrantType);
            Write(json, "scope", e.Scope);
            Write(json, "flow", e.Flow);
            Write(json, "session_id", e.SessionId);
            Write(json, "grant_id", e.GrantId);
            Write(json, "address", e.Address);
            Write(json, "trace_id", e.TraceId);
            json.WriteEndObject();
        }

        buffer.Write("\n"u8);
    }

    /// <summary>How a level is called in a line.</summary>
    public static string LevelName(SecurityLogLevel level) => level switch
    {
        SecurityLogLevel.Error => "error",
        SecurityLogLevel.Warn => "warn",
        SecurityLogLevel.Info => "info",
        _ => "debug",
    };

    // RFC 3986: an address is ASCII. What is not is cut as any other text.
    private static int MaxOfAddress(string? text) => Ascii.IsValid(text) ? MaxAddress : MaxLength;

    private static void Write(Utf8JsonWriter json, string name, string? value, int maxLength = MaxLength)
    {
        if (!string.IsNullOrEmpty(value))
        {
            json.WriteString(name, value.AsSpan(0, Math.Min(value.Length, maxLength)));
        }
    }
}
