using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Text.Json;
using McpIdentity.Migrations;

namespace McpIdentity.Server.Catalogue;

/// <summary>A tool of a server behind this one, as one list had it.</summary>
/// <param name="Name">Its name there.</param>
/// <param name="Title">What people read; null: its name.</param>
/// <param name="Description">In the words of the server; of a very long one the beginning.</param>
/// <param name="ReadOnly">Whether it says that it changes nothing; null: it says nothing of it.</param>
/// <param name="Destructive">Whether it says that it destroys; null: it says nothing of it.</param>
/// <param name="Hash">Of everything that a model reads of it.</param>
internal sealed record CatalogueTool(string Name, string? Title, string? Description, bool? ReadOnly, bool? Destructive, string Hash)
{
    /// <summary>A longer name is no tool's that anybody may use.</summary>
    public const int MaxName = McpIdentityDbContext.Lengths.Tool;

    /// <summary>Of a tool that is longer as JSON only the hash is kept.</summary>
    public const int MaxDocument = 64 * 1024;

    private const int MaxDescription = 4096;

    // Icons and _meta are for programs: they may change with every list, and no model decides by them.
    private static readonly string[] Hashed = ["annotations", "description", "inputSchema", "name", "outputSchema", "title"];

    /// <returns>False where it holds text that cannot be read, or has no name that can be kept.</returns>
    public static bool TryRead(JsonElement tool, [NotNullWhen(true)] out CatalogueTool? read)
    {
        read = null;
        try
        {
            if (StorableText.ForComparison(Text(tool, "name"), MaxName) is not { } name)
            {
                return false;
            }

            var annotations = tool.TryGetProperty("annotations", out var said) && said.ValueKind == JsonValueKind.Object ? said : default;
            read = new CatalogueTool(
                name,
                StorableText.ForDisplay(Text(tool, "title") ?? Text(annotations, "title"), McpIdentityDbContext.Lengths.Text),
                StorableText.ForDisplay(Text(tool, "description"), MaxDescription),
                Flag(annotations, "readOnlyHint"),
                Flag(annotations, "destructiveHint"),
                HashOf(tool));
            return true;
        }
        catch (InvalidOperationException)
        {
            return false; // half of a surrogate pair (RFC 8259 §8.2)
        }
    }

    /// <summary>A text that may have changed, as it is written in a kept document.</summary>
    public static string? Text(JsonElement element, string name) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    /// <summary>The members that differ between two versions of a tool, of those that a model reads.</summary>
    public static IReadOnlyList<string> ChangedMembers(JsonElement before, JsonElement after) => [.. Hashed.Where(member => Member(before, member) != Member(after, member))];

    private static string HashOf(JsonElement tool)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartObject();
            foreach (var member in Hashed)
            {
                if (tool.TryGetProperty(member, out var value))
                {
                    writer.WritePropertyName(member);
                    Write(writer, value);
                }
            }

            writer.WriteEndObject();
        }

        return Convert.ToHexStringLower(SHA256.HashData(buffer.WrittenSpan));
    }

    private static string? Member(JsonElement tool, string name)
    {
        if (!tool.TryGetProperty(name, out var value))
        {
            return null;
        }

        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            Write(writer, value);
        }

        return System.Text.Encoding.UTF8.GetString(buffer.WrittenSpan);
    }

    // Members in one order, as in RFC 8785 §3.2.3: a server may write its tools from a map that has none.
    private static void Write(Utf8JsonWriter writer, JsonElement value)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.Object:
                writer.WriteStartObject();
                foreach (var member in value.EnumerateObject().OrderBy(member => member.Name, StringComparer.Ordinal))
                {
                    writer.WritePropertyName(member.Name);
                    Write(writer, member.Value);
                }

                writer.WriteEndObject();
                break;
            case JsonValueKind.Array:
                writer.WriteStartArray();
                foreach (var item in value.EnumerateArray())
                {
                    Write(writer, item);
                }

                writer.WriteEndArray();
                break;
            case JsonValueKind.String:
                writer.WriteStringValue(value.GetString()); // one spelling of what may be escaped in several ways
                break;
            default:
                value.WriteTo(writer);
                break;
        }
    }

    private static bool? Flag(JsonElement element, string name) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out var value) && value.ValueKind is JsonValueKind.True or JsonValueKind.False ? value.GetBoolean() : null;
}
