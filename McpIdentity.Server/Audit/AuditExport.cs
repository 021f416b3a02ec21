using System.Buffers;
using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using McpIdentity.Mcp.Audit;
using McpIdentity.Migrations.Entities;

namespace McpIdentity.Server.Audit;

/// <summary>The forms in which the audit leaves the house.</summary>
internal enum AuditFormat
{
    /// <summary>The lines of the security log, one JSON object each.</summary>
    Ndjson,

    /// <summary>RFC 4180.</summary>
    Csv,

    /// <summary>Events of the Open Cybersecurity Schema Framework, one JSON object a line.</summary>
    Ocsf,
}

/// <summary>Writes rows one by one: however many there are, a page of them is in memory.</summary>
internal static class AuditExport
{
    private const string OcsfVersion = "1.3.0";

    private static readonly string[] Members =
    [
        "reason", "count", "method", "server", "rule", "got", "expected", "before", "after", "milliseconds", "auth_method", "grant_type", "scope", "session_id",
    ];

    private static readonly JsonWriterOptions Relaxed = new() { Encoder = JavaScriptEncoder.Default };

    public static async Task WriteAsync(IAsyncEnumerable<AuditEntry> rows, AuditFormat format, Stream to, CancellationToken cancellationToken)
    {
        var buffer = new ArrayBufferWriter<byte>(64 * 1024);
        if (format == AuditFormat.Csv)
        {
            CsvLine(buffer, ["id", "node", "sequence", "time", "event", "level", "result", "actor", "client_id", "subject", "resource", "tool", "flow", "grant_id", "trace_id", "address", .. Members]);
        }

        await foreach (var row in rows.WithCancellation(cancellationToken))
        {
            switch (format)
            {
                case AuditFormat.Csv:
                    WriteCsv(buffer, row);
                    break;
                case AuditFormat.Ocsf:
                    WriteOcsf(buffer, row);
                    break;
                default:
                    buffer.Write(Encoding.UTF8.GetBytes(AuditLine.TextOf(row)));
                    buffer.Write("\n"u8);
                    break;
            }

            if (buffer.WrittenCount > 48 * 1024)
            {
                await to.WriteAsync(buffer.WrittenMemory, cancellationToken);
                buffer.ResetWrittenCount();
            }
        }

        await to.WriteAsync(buffer.WrittenMemory, cancellationToken);
        await to.FlushAsync(cancellationToken);
    }

    private static void WriteCsv(ArrayBufferWriter<byte> buffer, AuditEntry row)
    {
        using var line = AuditLine.Read(row);
        CsvLine(buffer,
        [
            row.Id.ToString(CultureInfo.InvariantCulture), row.Node, row.Sequence.ToString(CultureInfo.InvariantCulture), row.At.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture),
            row.Event, row.Level, row.Result, row.Actor, row.ClientId, row.Subject, row.Resource, row.Tool, row.Flow, row.GrantId, row.TraceId, row.Address,
            .. Members.Select(member => line.RootElement.TryGetProperty(member, out var value) ? value.ToString() : null),
        ]);
    }

    private static void CsvLine(ArrayBufferWriter<byte> buffer, IEnumerable<string?> fields) =>
        buffer.Write(Encoding.UTF8.GetBytes(string.Join(',', fields.Select(CsvField)) + "\r\n"));

    // What a client calls itself must not become a formula in somebody's spreadsheet: a quote before it is shown, and nothing run. Nor an order to a terminal that
    // shows the file: RFC 4180 §2 has no control characters in a field but ends of lines, and those would be another row to whoever reads by lines.
    private static string CsvField(string? text)
    {
        if (text is not { Length: > 0 })
        {
            return "";
        }

        text = ForeignText.Clean(text, int.MaxValue);
        text = text[0] is '=' or '+' or '-' or '@' ? "'" + text : text;
        return text.AsSpan().ContainsAny(",\"") ? $"\"{text.Replace("\"", "\"\"", StringComparison.Ordinal)}\"" : text;
    }

    // The mandatory attributes of each class, and what else there is under the names of the schema.
    private static void WriteOcsf(ArrayBufferWriter<byte> buffer, AuditEntry row)
    {
        using var line = AuditLine.Read(row);
        var scopes = TextOf(line.RootElement, "scope")?.Split(' ', StringSplitOptions.RemoveEmptyEntries) ?? [];
        var (category, classId, activity, name) = ClassOf(row.Event, scopes.Length > 0);
        using (var json = new Utf8JsonWriter(buffer, Relaxed))
        {
            json.WriteStartObject();
            json.WriteNumber("category_uid", category);
            json.WriteNumber("class_uid", classId);
            json.WriteNumber("activity_id", activity);
            json.WriteString("activity_name", name ?? row.Event);
            json.WriteNumber("type_uid", (classId * 100) + activity);
            json.WriteNumber("time", row.At.ToUnixTimeMilliseconds());
            json.WriteNumber("severity_id", row.Level switch { "error" => 4, "warn" => 3, _ => 1 });
            json.WriteNumber("status_id", row.Result switch { "success" => 1, "failure" => 2, _ => 99 });
            json.WriteString("status", row.Result);
            Text(json, "status_detail", TextOf(line.RootElement, "reason"));
            if (line.RootElement.TryGetProperty("count", out var value) && value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var count))
            {
                json.WriteNumber("count", count);
            }

            json.WriteStartObject("metadata");
            json.WriteString("version", OcsfVersion);
            json.WriteString("uid", $"{row.Node}:{row.Sequence.ToString(CultureInfo.InvariantCulture)}");
            json.WriteString("event_code", row.Event);
            Text(json, "correlation_uid", row.Flow ?? row.GrantId ?? row.TraceId);
            json.WriteStartObject("product");
            json.WriteString("name", "McpIdentity");
            json.WriteString("vendor_name", "McpIdentity");
            json.WriteEndObject();
            json.WriteEndObject();

            if (classId != 6003)
            {
                json.WriteStartObject("user");
                json.WriteString("uid", row.Subject ?? row.ClientId ?? "unknown");
                json.WriteEndObject();
            }

            json.WriteStartObject("actor");
            json.WriteString("app_uid", row.ClientId ?? "McpIdentity");
            if (row.Actor is not null)
            {
                json.WriteStartObject("user");
                json.WriteString("name", row.Actor);
                json.WriteEndObject();
            }
            else if (row.Subject is not null)
            {
                json.WriteStartObject("user");
                json.WriteString("uid", row.Subject);
                json.WriteEndObject();
            }

            json.WriteEndObject();

            json.WriteStartObject("src_endpoint");
            json.WriteString(IPAddress.TryParse(row.Address, out _) ? "ip" : "name", row.Address ?? "local"); // a sum is of a network, or of several
            json.WriteEndObject();

            switch (classId)
            {
                case 3002:
                    json.WriteStartObject("service");
                    json.WriteString("name", "McpIdentity");
                    json.WriteEndObject();
                    break;
                case 3003:
                    json.WriteStartArray("privileges");
                    foreach (var scope in scopes)
                    {
                        json.WriteStringValue(scope);
                    }

                    json.WriteEndArray();
                    break;
                case 6003:
                    json.WriteStartObject("api");
                    json.WriteString("operation", row.Tool ?? TextOf(line.RootElement, "method") ?? row.Event);
                    json.WriteStartObject("service");
                    json.WriteString("name", row.Resource ?? "McpIdentity");
                    json.WriteEndObject();
                    json.WriteEndObject();
                    break;
                default:
                    break;
            }

            json.WritePropertyName("unmapped");
            line.RootElement.WriteTo(json);
            json.WriteEndObject();
        }

        buffer.Write("\n"u8);
    }

    // Identity & Access Management: Account Change, Authentication, Authorize Session; Application Activity: API Activity.
    private static (int Category, int Class, int Activity, string? Name) ClassOf(string name, bool hasScopes) => name switch
    {
        "login_success" or "login_failure" => (3, 3002, 1, "Logon"),
        "session_ended" => (3, 3002, 2, "Logoff"),
        "user_enabled" => (3, 3001, 2, "Enable"),
        "user_disabled" => (3, 3001, 5, "Disable"),
        "user_removed" => (3, 3001, 6, "Delete"),
        "consent_granted" or "code_issued" or "token_issued" or "token_refreshed" or "token_minted" when hasScopes => (3, 3003, 1, "Assign Privileges"),
        "client_registered" or "server_added" => (6, 6003, 1, "Create"),
        "client_updated" or "server_changed" => (6, 6003, 3, "Update"),
        "client_deleted" or "server_removed" => (6, 6003, 4, "Delete"),
        _ => (6, 6003, 99, null),
    };

    private static string? TextOf(JsonElement line, string member) => line.TryGetProperty(member, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static void Text(Utf8JsonWriter json, string name, string? value)
    {
        if (value is not null)
        {
            json.WriteString(name, value);
        }
    }
}
