using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace McpIdentity.Server.Administration.Api;

/// <summary>The admin API on the wire: snake_case, absent instead of null, moments in UTC; what is unknown, missing or there twice is an error.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DictionaryKeyPolicy = JsonKnownNamingPolicy.Unspecified,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true,
    AllowDuplicateProperties = false,
    Converters = [typeof(UtcMoments)])]
[JsonSerializable(typeof(Caller))]
[JsonSerializable(typeof(RoleChange))]
[JsonSerializable(typeof(RoleHolder))]
[JsonSerializable(typeof(AdminPage<RoleHolder>))]
internal sealed partial class AdminJson : JsonSerializerContext;

/// <summary>A moment as RFC 3339 has it, in UTC.</summary>
internal sealed class UtcMoments : JsonConverter<DateTimeOffset>
{
    public override DateTimeOffset Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => reader.GetDateTimeOffset();

    public override void Write(Utf8JsonWriter writer, DateTimeOffset value, JsonSerializerOptions options) =>
        writer.WriteStringValue(value.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.FFF'Z'", CultureInfo.InvariantCulture));
}
