using System.Text.Json;
using System.Text.Json.Serialization;

namespace McpIdentity.Server.Clients;

/// <summary>
/// An empty text in a registration is as good as an absent member, whatever the member is: clients write out a form of which
/// most fields are empty (docs/interoperability.md, "Empty members").
/// </summary>
internal sealed class EmptyIsAbsent : JsonConverter<string?>
{
    public override string? Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        reader.GetString() is { Length: > 0 } text ? text : null;

    public override void Write(Utf8JsonWriter writer, string? value, JsonSerializerOptions options) => writer.WriteStringValue(value);

    public static bool IsEmptyText(ref readonly Utf8JsonReader reader) => reader.TokenType == JsonTokenType.String && reader.ValueTextEquals(""u8);
}

/// <summary>The same for a list of texts: in its place, and among its elements.</summary>
internal sealed class EmptyListIsAbsent : JsonConverter<IReadOnlyList<string>?>
{
    public override IReadOnlyList<string>? Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        if (EmptyIsAbsent.IsEmptyText(ref reader))
        {
            return null;
        }

        if (reader.TokenType != JsonTokenType.StartArray)
        {
            throw new JsonException();
        }

        var texts = new List<string>();
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            if (reader.TokenType is not (JsonTokenType.String or JsonTokenType.Null))
            {
                throw new JsonException();
            }

            if (reader.GetString() is { Length: > 0 } text)
            {
                texts.Add(text);
            }
        }

        return texts.Count > 0 ? texts : null;
    }

    public override void Write(Utf8JsonWriter writer, IReadOnlyList<string>? value, JsonSerializerOptions options)
    {
        writer.WriteStartArray();
        foreach (var text in value!)
        {
            writer.WriteStringValue(text);
        }

        writer.WriteEndArray();
    }
}

/// <summary>The same for the redirect URIs, of which an empty one is a mistake.</summary>
internal sealed class EmptyRedirectUrisAreAbsent : JsonConverter<IReadOnlyList<JsonElement>?>
{
    public override IReadOnlyList<JsonElement>? Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        if (EmptyIsAbsent.IsEmptyText(ref reader))
        {
            return null;
        }

        return reader.TokenType == JsonTokenType.StartArray ? [.. JsonElement.ParseValue(ref reader).EnumerateArray()] : throw new JsonException();
    }

    public override void Write(Utf8JsonWriter writer, IReadOnlyList<JsonElement>? value, JsonSerializerOptions options) => throw new NotSupportedException();
}
