using System.Text.Json.Serialization;

namespace McpIdentity.Server.Tokens;

/// <summary>The claims of a grant as they are stored, protected.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    AllowDuplicateProperties = false)]
[JsonSerializable(typeof(List<GrantClaims.Stored>))]
internal sealed partial class TokensJson : JsonSerializerContext;
