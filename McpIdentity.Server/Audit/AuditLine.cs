using System.Buffers;
using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using McpIdentity.Mcp.Audit;
using McpIdentity.Migrations;
using McpIdentity.Migrations.Entities;
using static McpIdentity.Migrations.McpIdentityDbContext;

namespace McpIdentity.Server.Audit;

/// <summary>
/// One event as a row. Its line, that of the security log, says everything; the columns repeat what is looked for. So the
/// columns can be proven from the line, and the line by the chain.
/// </summary>
internal static class AuditLine
{
    /// <summary>The row of an event, not yet in a chain.</summary>
    public static AuditEntry RowOf(SecurityEvent e, ArrayBufferWriter<byte> buffer)
    {
        buffer.ResetWrittenCount();
        SecurityEventJson.WriteLine(buffer, e);
        var line = buffer.WrittenMemory[..^1];
        using var json = JsonDocument.Parse(line);
        return ColumnsOf(json.RootElement, Encoding.ASCII.GetString(line.Span));
    }

    /// <summary>The row that a line makes: what the columns of an honest one say.</summary>
    public static AuditEntry ColumnsOf(JsonElement json, string line) => new()
    {
        Node = "",
        At = json.TryGetProperty("time", out var time) && time.ValueKind == JsonValueKind.String && time.TryGetDateTimeOffset(out var at) ? at : default,
        Event = Text(json, "event", Lengths.Name) ?? "",
        Level = Text(json, "level", Lengths.Name) ?? "",
        Result = Text(json, "result", Lengths.Name) ?? "",
        Actor = Text(json, "actor", Lengths.Text),
        ClientId = Text(json, "client_id", Lengths.ClientId),
        Subject = Text(json, "subject", Lengths.Text),
        Resource = Text(json, "resource", Lengths.ClientId),
        Tool = Text(json, "tool", Lengths.Tool),
        Flow = Text(json, "flow", Lengths.Id),
        GrantId = Text(json, "grant_id", Lengths.Id),
        TraceId = Text(json, "trace_id", Lengths.Id),
        Address = Text(json, "address", Lengths.Id),
        Line = line,
        Hash = [],
    };

    /// <summary>One that somebody has changed may be no JSON; it is exported and looked at then above all.</summary>
    public static JsonDocument Read(AuditEntry row) =>
        Find(row.Line) ?? JsonDocument.Parse(JsonSerializer.Serialize(new Dictionary<string, string> { ["not_json"] = row.Line }));

    /// <summary>The line as an object of texts, numbers and the like, all of which can be read; null where it is none: one that somebody has changed may be anything.</summary>
    public static JsonDocument? Find(string line)
    {
        JsonDocument? json = null;
        try
        {
            json = JsonDocument.Parse(line);
            foreach (var member in json.RootElement.EnumerateObject())
            {
                // RFC 8259 §8.2: an escape may stand for half a character, which no text can have.
                if (member.Name.Length == 0 || member.Value.ValueKind is JsonValueKind.Object or JsonValueKind.Array || (member.Value.ValueKind == JsonValueKind.String && member.Value.GetString() is null))
                {
                    throw new FormatException("no line of ours");
                }
            }

            return json;
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException or FormatException or ArgumentException)
        {
            json?.Dispose();
            return null;
        }
    }

    /// <summary>The first column that does not say what the line says; null where all do.</summary>
    public static string? FindForgedColumn(AuditEntry row)
    {
        using var json = Find(row.Line);
        if (json is null)
        {
            return nameof(row.Line);
        }

        var honest = ColumnsOf(json.RootElement, row.Line);
        return (row.At == honest.At ? null : nameof(row.At)) ??
            Differs(row.Event, honest.Event, nameof(row.Event)) ??
            Differs(row.Level, honest.Level, nameof(row.Level)) ??
            Differs(row.Result, honest.Result, nameof(row.Result)) ??
            Differs(row.Actor, honest.Actor, nameof(row.Actor)) ??
            Differs(row.ClientId, honest.ClientId, nameof(row.ClientId)) ??
            Differs(row.Subject, honest.Subject, nameof(row.Subject)) ??
            Differs(row.Resource, honest.Resource, nameof(row.Resource)) ??
            Differs(row.Tool, honest.Tool, nameof(row.Tool)) ??
            Differs(row.Flow, honest.Flow, nameof(row.Flow)) ??
            Differs(row.GrantId, honest.GrantId, nameof(row.GrantId)) ??
            Differs(row.TraceId, honest.TraceId, nameof(row.TraceId)) ??
            Differs(row.Address, honest.Address, nameof(row.Address));
    }

    /// <summary>The hash of a row in its chain: over that of the row before it, and what it says and where.</summary>
    public static byte[] HashOf(AuditEntry row, ReadOnlySpan<byte> before)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Span<byte> numbers = stackalloc byte[2 * sizeof(long)];
        BinaryPrimitives.WriteInt64BigEndian(numbers, row.Sequence);
        BinaryPrimitives.WriteInt64BigEndian(numbers[sizeof(long)..], row.At.UtcTicks);
        hash.AppendData(before);
        hash.AppendData(Encoding.UTF8.GetBytes(row.Node + '\0'));
        hash.AppendData(numbers);
        hash.AppendData(Encoding.UTF8.GetBytes(row.Line));
        return hash.GetHashAndReset();
    }

    private static string? Differs(string? column, string? line, string name) => string.Equals(column, line, StringComparison.Ordinal) ? null : name;

    // As the database keeps it.
    private static string? Text(JsonElement json, string member, int maxLength) =>
        json.TryGetProperty(member, out var value) && value.ValueKind == JsonValueKind.String && StorableText.Of(value.GetString()!) is { Length: > 0 } text
            ? text[..Math.Min(text.Length, maxLength)]
            : null;
}
